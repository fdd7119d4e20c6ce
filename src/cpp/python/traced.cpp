#include "python/traced.h"

#include <algorithm>
#include <unordered_map>

#include "base/interpreter.h"
#include "jit/trace.h"
#include "python/callback.h"
#include "python/cells.h"

namespace adcore::python {
namespace {

/// A cell from outside of the traced function.
struct TracedCell {
  Owned cell;
  Tensor now;             // for the function
  bool is_input = false;  // it was read before it was written
  bool written = false;
};

/// Shows the function each cell from outside as an input of the program, and keeps its assignments from the cells.
class TracedCells final : public CellView {
 public:
  explicit TracedCells(Trace& trace) : trace_(trace) {}

  /// An argument, which the function may reach by another way too, and the cell that stands for it inside.
  void add_argument(PyObject* argument, PyObject* inside) { arguments_.try_emplace(argument, inside); }
  /// The arguments that it reached so.
  const std::vector<PyObject*>& reached() const noexcept { return reached_; }

  const Tensor& read(PyObject* cell) override {
    if (is_inside(cell)) return outer_read(cell);
    if (PyObject* const inside = argument(cell)) return own_value(inside);
    TracedCell& c = entry(cell);
    if (!c.now.defined()) {
      // Shape and dtype are all that is asked for: past the door, behind which a view may count reads.
      c.now = trace_.input(own_value(cell));
      c.is_input = true;
      inputs_.push_back(&c);
    }
    return c.now;
  }
  void write(PyObject* cell, Tensor value) override {
    if (is_inside(cell)) return outer_write(cell, std::move(value));
    if (PyObject* const inside = argument(cell)) return std::swap(own_value(inside), value);
    TracedCell& c = entry(cell);
    if (!c.written) outputs_.push_back(&c);
    c.written = true;
    std::swap(c.now, value);
  }

  /// In the order in which they were read first, or written first.
  const std::vector<TracedCell*>& inputs() const noexcept { return inputs_; }
  const std::vector<TracedCell*>& outputs() const noexcept { return outputs_; }

 private:
  TracedCell& entry(PyObject* cell) {
    const auto [it, fresh] = cells_.try_emplace(cell);
    if (fresh) it->second.cell = Owned::copy(cell);
    return it->second;
  }

  PyObject* argument(PyObject* cell) {
    const auto found = arguments_.find(cell);
    if (found == arguments_.end()) return nullptr;
    if (std::ranges::find(reached_, cell) == reached_.end()) reached_.push_back(cell);
    return found->second;
  }

  Trace& trace_;
  std::unordered_map<PyObject*, PyObject*> arguments_;
  std::vector<PyObject*> reached_;
  std::unordered_map<PyObject*, TracedCell> cells_;
  std::vector<TracedCell*> inputs_, outputs_;
};

/// The line of the user's text that runs, as a number of the program.
class Places {
 public:
  uint32_t operator()(ProgramBuilder& builder) {
    if (!interpreter.place) return Program::kNoPlace;
    PyFrameObject* const frame = PyEval_GetFrame();  // borrowed
    if (!frame) return Program::kNoPlace;
    const int line = PyFrame_GetLineNumber(frame);
    // Calls from one line of one frame follow each other.
    if (frame != frame_ || line != line_ || last_ == Program::kNoPlace) {
      frame_ = frame;
      line_ = line;
      last_ = builder.place(interpreter.place());
    }
    return last_;
  }

 private:
  const PyFrameObject* frame_ = nullptr;
  int line_ = 0;
  uint32_t last_ = Program::kNoPlace;
};

}  // namespace

Arguments Arguments::map(FunctionRef<PyObject*(PyObject*)> f) const {
  const auto leaf = [f](PyObject* o) { return is_program_input(o) ? f(o) : Py_NewRef(o); };
  Arguments out = *this;
  out.positional = py::tuple(positional.size());
  for (size_t i = 0; i < positional.size(); ++i) {
    const py::object given = positional[i];
    const bool is_static = i < static_positions.size() && static_positions[i];
    out.positional[i] = is_static ? given : steal(tree_map(given.ptr(), leaf, Containers::OfTheirClass));
  }
  if (named.is_none()) return out;
  py::dict mapped;
  for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(named)) {
    const bool is_static = !static_names.is_none() && static_names.contains(name);
    mapped[name] = is_static ? py::reinterpret_borrow<py::object>(value)
                             : steal(tree_map(value.ptr(), leaf, Containers::OfTheirClass));
  }
  out.named = mapped;
  return out;
}

namespace {

/// What a tree is made of: containers, keys, leaves, and what objects of container classes hold beside their elements.
void add_parts(PyObject* o, std::vector<Owned>& parts) {
  parts.push_back(Owned::copy(o));
  const Nested nested;
  const auto add_items = [&](PyObject* dict, auto&& add_value) {
    const Owned items(checked(PyDict_Copy(dict)));  // reading a field may run code that changes it
    PyObject *key, *value;
    for (Py_ssize_t i = 0; PyDict_Next(items.get(), &i, &key, &value);) {
      parts.push_back(Owned::copy(key));
      add_value(key, value);
    }
  };
  bool plain = false;
  if (PyTuple_Check(o)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) add_parts(PyTuple_GET_ITEM(o, i), parts);
    plain = PyTuple_CheckExact(o);
  } else if (PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) add_parts(Owned::copy(PyList_GET_ITEM(o, i)).get(), parts);
    plain = PyList_CheckExact(o);
  } else if (PyDict_Check(o)) {
    add_items(o, [&](PyObject*, PyObject* value) { add_parts(value, parts); });
    plain = PyDict_CheckExact(o);
  } else if (const Owned fields = dataclass_fields(o)) {
    add_items(fields.get(), [&](PyObject* name, PyObject*) {
      const Owned value(checked(PyObject_GetAttr(o, name)));
      add_parts(value.get(), parts);
    });
  } else {
    plain = true;
  }
  if (plain || !Py_TYPE(o)->tp_dictoffset) return;
  const Owned attributes(PyObject_GenericGetDict(o, nullptr));
  if (!attributes) return clear_answer();
  add_items(attributes.get(), [&](PyObject*, PyObject* value) { parts.push_back(Owned::copy(value)); });
}

/// The parts of the arguments, as they stand there.
std::vector<Owned> parts_of(const Arguments& a) {
  std::vector<Owned> parts;
  for (const py::object& tree : {py::object(a.positional), a.named}) add_parts(tree.ptr(), parts);
  return parts;
}

void require_plain(PyObject* leaf, const char* what) {
  if (Py_TYPE(leaf) == tensor_type) return;
  throw RecordingError(text("jit: ", what, " is a ", Py_TYPE(leaf)->tp_name,
                            ", of which a program knows the elements alone; use a Tensor, or hold one in an object."));
}

/// What may be changed by whoever gets it.
bool is_mutable(PyObject* leaf) {
  return !(leaf == Py_None || is_number(leaf) || PyUnicode_Check(leaf) || PyBytes_Check(leaf) ||
           PyCallable_Check(leaf));
}

Owned deep_copy(PyObject* o) {
  const Owned copy_module(checked(PyImport_ImportModule("copy")));
  return Owned(checked(PyObject_CallMethod(copy_module.get(), "deepcopy", "O", o)));
}

}  // namespace

TracedFunction::TracedFunction(const py::object& fn, const Arguments& arguments) {
  const Alone alone;
  Places places;
  const auto trace = std::make_shared<Trace>(places);
  const FrameScope scope(*trace);
  TracedCells cells(*trace);
  std::unordered_map<PyObject*, size_t> numbers;  // of the inputs, by object: one that is given twice is one cell
  std::vector<Owned> given, fresh;
  std::vector<Tensor> start;
  const Arguments inside = arguments.map([&](PyObject* leaf) {
    const auto [it, first] = numbers.try_emplace(leaf, given.size());
    if (!first) return Py_NewRef(fresh[it->second].get());
    if (is_tensor(leaf)) require_plain(leaf, "an argument");
    given.push_back(Owned::copy(leaf));
    // Read past the door, which would show it as one more input.
    start.push_back(trace->input(is_tensor(leaf) ? own_value(leaf) : tensor_from(leaf, nullptr)));
    PyObject* const cell = wrap(start.back());
    fresh.emplace_back(cell);
    if (is_tensor(leaf)) {
      reinterpret_cast<TensorObject*>(cell)->made |= reinterpret_cast<TensorObject*>(leaf)->made & kElement;
      cells.add_argument(leaf, cell);
    }
    return Py_NewRef(cell);
  });
  argument_count_ = given.size();
  const std::vector<Owned> before = parts_of(inside);
  py::object result = call(fn, inside.positional, inside.named);
  scope.check_records();
  if (!std::ranges::equal(before, parts_of(inside), {}, &Owned::get, &Owned::get)) {
    throw RecordingError(
        "jit: the function changes a list, dict or object among its arguments, which happens while it is recorded, but "
        "not when it is replayed; return what is new.");
  }
  std::unordered_map<PyObject*, size_t> known;  // Tensors of the result, by place
  result_ = steal(tree_map(
      result.ptr(),
      [&](PyObject* leaf) {
        require_result(leaf, "jit");
        if (!is_tensor(leaf) && is_mutable(leaf)) fresh_.push_back(leaf);
        if (!is_tensor(leaf) || !cells.is_inside(leaf)) return Py_NewRef(leaf);
        require_plain(leaf, "a result");
        Place place;
        const auto argument = std::ranges::find(fresh, leaf, &Owned::get);
        const auto [earlier, first] = known.try_emplace(leaf, places_.size());
        if (argument != fresh.end()) {
          place = {Place::Kind::Argument, static_cast<size_t>(argument - fresh.begin())};
        } else if (!first) {
          place = {Place::Kind::Earlier, earlier->second};
        } else {
          place.is_element = reinterpret_cast<TensorObject*>(leaf)->made & kElement;
          trace->output(own_value(leaf));
          ++results_;
        }
        places_.push_back(place);
        return wrap({});
      },
      Containers::OfTheirClass));
  // What nobody holds but the result was made by the call: the next call gives another one.
  result = py::none();
  const auto is_held = [all = fresh_](PyObject* leaf) { return Py_REFCNT(leaf) > std::ranges::count(all, leaf); };
  std::erase_if(fresh_, is_held);
  for (size_t k = 0; k < fresh.size(); ++k) {
    const Tensor& now = own_value(fresh[k].get());
    if (now.buffer().get() == start[k].buffer().get()) continue;
    if (!is_tensor(given[k].get())) {
      fail(ErrorKind::Type, "jit: the function writes to an argument that is a NumPy array; give it a Tensor.");
    }
    trace->output(now);
    written_arguments_.push_back(k);
  }
  for (TracedCell* c : cells.outputs()) {
    trace->output(c->now);
    writes_.push_back(Owned::copy(c->cell.get()));
  }
  for (TracedCell* c : cells.inputs()) reads_.push_back(Owned::copy(c->cell.get()));
  for (const auto* of : {&reads_, &writes_})
    for (const Owned& cell : *of)
      if (!is_parameter(cell.get())) plain_cells_.push_back(cell.get());
  for (PyObject* cell : cells.reached()) aliases_.push_back({numbers.at(cell), Owned::copy(cell)});
  has_rules_ = trace->has_rules || trace->has_loops;
  has_draws_ = trace->has_draws;
  program_ = std::make_shared<const Program>(trace->take());
  callbacks_ = take_callbacks(*program_);
}

TracedFunction::TracedFunction(const TracedFunction& other)
    : argument_names(other.argument_names),
      signature(other.signature),
      cell_names(other.cell_names),
      program_(other.program_),
      plan_(other.plan_),
      result_(other.result_),
      places_(other.places_),
      fresh_(other.fresh_),
      argument_count_(other.argument_count_),
      results_(other.results_),
      plain_cells_(other.plain_cells_),
      written_arguments_(other.written_arguments_),
      has_rules_(other.has_rules_),
      has_draws_(other.has_draws_) {
  for (const Owned& cell : other.reads_) reads_.push_back(Owned::copy(cell.get()));
  for (const Owned& cell : other.writes_) writes_.push_back(Owned::copy(cell.get()));
  for (const Owned& callback : other.callbacks_) callbacks_.push_back(Owned::copy(callback.get()));
  for (const Alias& a : other.aliases_) aliases_.push_back({a.argument, Owned::copy(a.cell.get())});
}

std::unique_ptr<TracedFunction> TracedFunction::optimized(std::shared_ptr<const Program> program,
                                                          std::shared_ptr<const Plan> plan) const {
  std::unique_ptr<TracedFunction> made(new TracedFunction(*this));
  made->program_ = std::move(program);
  made->plan_ = std::move(plan);
  return made;
}

std::vector<Tensor> TracedFunction::inputs(std::span<PyObject* const> arguments) const {
  std::vector<Tensor> values;
  for (PyObject* o : arguments) values.push_back(tracked_value(o));
  for (const Owned& cell : reads_) values.push_back(tracked_value(cell.get()));
  return values;
}

bool TracedFunction::is_seen(std::span<PyObject* const> arguments) const {
  const ThreadContext& c = context();
  if (c.watch) return true;
  if (!c.tape && !c.frame) {
    // A box that its transform left behind: apply() says whose it was.
    for (PyObject* o : arguments)
      if (value_of(o).boxed()) return true;
    for (const Owned& cell : reads_)
      if (value_of(cell.get()).boxed()) return true;
    return false;
  }
  const auto seen = [&](PyObject* o) { return value_of(o).boxed() || slot_of(o, c.tape); };
  for (PyObject* o : arguments)
    if (seen(o)) return true;
  for (const Owned& cell : reads_)
    if (seen(cell.get())) return true;
  return has_draws_ && c.frame;
}

py::object TracedFunction::replay(std::span<PyObject* const> arguments) const {
  if (is_seen(arguments)) {
    if (has_rules_ || (has_draws_ && context().frame)) {
      fail(ErrorKind::Value, "Program: ", has_rules_ ? "a derivative, jvp or vmap" : "a jvp, vmap or jit",
           " outside cannot see into a program with ", has_rules_ ? "rules of the user's own" : "random numbers",
           "; record a program that has it inside.");
    }
    return run(arguments);
  }
  std::vector<Tensor> values, outputs;
  for (PyObject* o : arguments) values.push_back(value_of(o));
  for (const Owned& cell : reads_) values.push_back(value_of(cell.get()));
  program_->check_inputs(values);
  if (!body_) body_ = std::make_shared<const Body>(program_);
  const std::shared_ptr<const Body> held = body_;
  Steps(*held).run(values, outputs);
  return steal(finish(arguments, [&](size_t k) { return outputs[k]; }, [] {}));
}

py::object TracedFunction::run(std::span<PyObject* const> arguments) const {
  std::vector<Tensor> outputs = program_->run(inputs(arguments));
  return steal(finish(arguments, [&](size_t k) { return std::move(outputs[k]); }, [] {}));
}

bool TracedFunction::aliases_fit(std::span<PyObject* const> arguments) const {
  for (const Alias& a : aliases_)
    if (arguments[a.argument] != a.cell.get()) return false;
  if (plain_cells_.empty()) return true;
  for (PyObject* argument : arguments)
    if (std::ranges::find(plain_cells_, argument) != plain_cells_.end()) return false;
  return true;
}

bool TracedFunction::is_given_back(size_t argument) const noexcept {
  const auto is_it = [&](const Place& p) { return p.kind == Place::Kind::Argument && p.number == argument; };
  return std::ranges::any_of(places_, is_it) ||
         std::ranges::find(written_arguments_, argument) != written_arguments_.end();
}

PyObject* TracedFunction::finish(std::span<PyObject* const> arguments, FunctionRef<Tensor(size_t)> output,
                                 FunctionRef<void()> last) const {
  size_t next = 0, at = 0;
  std::vector<PyObject*> placed;  // borrowed from the result
  const auto fill = [&](PyObject* leaf) {
    if (!is_place(leaf)) {
      const bool is_copied = !fresh_.empty() && std::ranges::find(fresh_, leaf) != fresh_.end();
      return is_copied ? deep_copy(leaf).release() : Py_NewRef(leaf);
    }
    const Place& place = places_[at++];
    PyObject* o = nullptr;
    switch (place.kind) {
      case Place::Kind::Argument: o = Py_NewRef(arguments[place.number]); break;
      case Place::Kind::Earlier: o = Py_NewRef(placed[place.number]); break;
      case Place::Kind::Output:
        o = wrap(output(next++));
        if (place.is_element) reinterpret_cast<TensorObject*>(o)->made |= kElement;
        break;
    }
    if (places_.size() > 1) placed.push_back(o);
    return o;
  };
  // Of one Tensor, the common case, nothing needs a walk.
  Owned result(is_place(result_.ptr()) ? fill(result_.ptr()) : tree_map(result_.ptr(), fill, Containers::OfTheirClass));
  for (size_t k : written_arguments_) require_writable(arguments[k], "jit");
  // Nothing above changed anything outside. What is let go of here may run code of the user, so it goes last.
  std::vector<Tensor> written;
  written.reserve(written_arguments_.size() + writes_.size());
  for (size_t k = 0; k < written_arguments_.size() + writes_.size(); ++k) written.push_back(output(next++));
  last();
  auto from = written.begin();
  for (size_t k : written_arguments_) put(arguments[k], std::move(*from++));
  for (const Owned& cell : writes_) put(cell.get(), std::move(*from++));
  return result.release();
}

py::object TracedFunction::map_result(FunctionRef<PyObject*(const Place&)> f) const {
  size_t at = 0;
  return steal(
      tree_map(result_.ptr(), [&](PyObject* leaf) { return is_place(leaf) ? f(places_[at++]) : Py_NewRef(leaf); }));
}

// ---- files --------------------------------------------------------------------------------------------------------

std::vector<PyObject*> TracedFunction::cells() const {
  std::vector<PyObject*> all;
  for (const auto* cells : {&reads_, &writes_})
    for (const Owned& cell : *cells)
      if (std::ranges::find(all, cell.get()) == all.end()) all.push_back(cell.get());
  return all;
}

StoredProgram TracedFunction::stored(std::vector<std::string> names, std::string about) const {
  StoredProgram s;
  const std::vector<PyObject*> all = cells();
  if (names.size() != all.size()) fail(ErrorKind::Value, "save: a cell needs a name.");
  for (size_t k = 0; k < all.size(); ++k) {
    const bool is_trained = is_parameter(all[k]) && reinterpret_cast<ParameterObject*>(all[k])->requires_grad;
    s.cells.push_back({std::move(names[k]), value_of(all[k]).detached(), is_parameter(all[k]), is_trained});
  }
  const auto number = [&](const Owned& cell) {
    return static_cast<uint32_t>(std::ranges::find(all, cell.get()) - all.begin());
  };
  std::ranges::transform(reads_, std::back_inserter(s.reads), number);
  std::ranges::transform(writes_, std::back_inserter(s.writes), number);
  s.program = *program_;
  s.arguments = static_cast<uint32_t>(argument_count_);
  s.results = static_cast<uint32_t>(results_);
  s.written.assign(written_arguments_.begin(), written_arguments_.end());
  s.has_rules = has_rules_;
  s.has_draws = has_draws_;
  s.about = std::move(about);
  return s;
}

TracedFunction::TracedFunction(const StoredProgram& s, std::span<PyObject* const> cells, py::object result,
                               std::vector<Place> places)
    : program_(std::make_shared<const Program>(s.program)),
      result_(std::move(result)),
      places_(std::move(places)),
      argument_count_(s.arguments),
      results_(s.results),
      written_arguments_(s.written.begin(), s.written.end()),
      has_rules_(s.has_rules),
      has_draws_(s.has_draws) {
  size_t found = 0, made = 0;
  const auto require = [](bool fits) {
    if (!fits) fail(ErrorKind::Value, "its result is not one that the program makes.");
  };
  map_result([&](const Place& place) {
    require(found < places_.size());
    switch (place.kind) {
      case Place::Kind::Output: ++made; break;
      case Place::Kind::Argument: require(place.number < argument_count_); break;
      case Place::Kind::Earlier: require(place.number < found); break;
    }
    ++found;
    return Py_NewRef(Py_None);
  });
  require(found == places_.size() && made == results_);
  for (const uint32_t k : s.reads) reads_.push_back(Owned::copy(cells[k]));
  for (const uint32_t k : s.writes) writes_.push_back(Owned::copy(cells[k]));
  for (PyObject* cell : cells)
    if (!is_parameter(cell)) plain_cells_.push_back(cell);
}

int TracedFunction::traverse(visitproc visit, void* arg) const {
  Py_VISIT(result_.ptr());
  Py_VISIT(signature.ptr());
  for (const auto* held : {&reads_, &writes_, &callbacks_})
    for (const Owned& o : *held) Py_VISIT(o.get());
  for (const Alias& a : aliases_) Py_VISIT(a.cell.get());
  return 0;
}
void TracedFunction::clear() noexcept {
  const py::object result = std::exchange(result_, py::none()), given = std::exchange(signature, py::none());
  plain_cells_.clear();
  const std::vector<Alias> aliases = std::exchange(aliases_, {});
  const std::vector<Owned> reads = std::exchange(reads_, {}), writes = std::exchange(writes_, {});
  const std::vector<Owned> callbacks = std::exchange(callbacks_, {});
}

std::vector<Owned> inputs_among(const Arguments& arguments) {
  std::vector<Owned> found;
  std::unordered_map<PyObject*, char> seen;
  arguments.map([&](PyObject* leaf) {
    if (seen.try_emplace(leaf).second)
      found.push_back(is_tensor(leaf) ? Owned::copy(leaf) : Owned(wrap(tensor_from(leaf, nullptr))));
    return Py_NewRef(leaf);
  });
  return found;
}

}  // namespace adcore::python
