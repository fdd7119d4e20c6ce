#include "jit/file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/files.h"
#include "jit/trace.h"
#include "kernels/kernels.h"
#include "ops/accept.h"

namespace adcore {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr char kMagic[8] = {'\x89', 'A', 'D', 'C', 'P', '\r', '\n', '\x1a'};
constexpr uint32_t kVersion = 1;
constexpr size_t kCrcBytes = 4;
constexpr int kDeepest = 64;  // loops inside of loops

enum Item : uint8_t { kInput, kConstant, kBody, kStatement };
enum StatementFlag : uint8_t { kAllOutputs = 1 };
enum CellFlag : uint8_t { kParameter = 1, kTrained = 2 };
enum ProgramFlag : uint8_t { kRules = 1, kDraws = 2 };

/// What is checked of a program that is saved and of one that was read. `wrong` is told what is wrong.
template <class Wrong>
void check_parts(const StoredProgram& s, const Wrong& wrong) {
  const Program& p = s.program;
  const size_t cells = s.cells.size();
  if (s.arguments > p.inputs().size() || p.inputs().size() - s.arguments != s.reads.size())
    wrong(text("there are ", p.inputs().size(), " inputs, but ", s.arguments, " arguments and ", s.reads.size(),
               " cells that are read"));
  const size_t behind = s.written.size() + s.writes.size();
  if (s.results > p.outputs().size() || p.outputs().size() - s.results != behind)
    wrong(text("there are ", p.outputs().size(), " outputs, but ", s.results, " results and ", behind,
               " values that are written"));
  const auto are_numbers = [&](const std::vector<uint32_t>& numbers, size_t count, const char* what) {
    std::vector<char> seen(count);
    for (const uint32_t n : numbers) {
      if (n >= count || seen[n]) wrong(text("the list of ", what, " names number ", n, " of ", count));
      seen[n] = 1;
    }
  };
  are_numbers(s.written, s.arguments, "arguments that are written");
  are_numbers(s.reads, cells, "cells that are read");
  are_numbers(s.writes, cells, "cells that are written");
  std::set<std::string_view> names;
  for (const StoredProgram::Cell& c : s.cells) {
    if (!names.insert(c.name).second) wrong(text("two cells have the name '", c.name, "'"));
    if (!c.value.defined() || c.value.boxed()) wrong(text("the cell '", c.name, "' has no value"));
  }
  const auto fits = [&](const StoredProgram::Cell& c, uint32_t value, const char* what) {
    const Program::Value& v = p.values()[value];
    if (!(c.value.shape() == v.shape) || c.value.dtype() != v.dtype)
      wrong(text("the cell '", c.name, "' is ", to_string(c.value.shape()), " ", name_of(c.value.dtype()), ", what is ",
                 what, " is ", to_string(v.shape), " ", name_of(v.dtype)));
  };
  for (size_t k = 0; k < s.reads.size(); ++k) fits(s.cells[s.reads[k]], p.inputs()[s.arguments + k], "read");
  for (size_t k = 0; k < s.writes.size(); ++k)
    fits(s.cells[s.writes[k]], p.outputs()[s.results + s.written.size() + k], "written");
}

/// The memory in which the elements of a layout lie: how many elements there is room for, and where the first one lies.
struct Block {
  int64_t count, first;
};
/// Empty for strides that no tensor has.
std::optional<Block> block_of(const Dims& shape, const Dims& strides) noexcept {
  int64_t low = 0, high = 0;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return Block{0, 0};
    int64_t way = 0;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &way)) return {};
    int64_t& end = way < 0 ? low : high;
    if (__builtin_add_overflow(end, way, &end)) return {};
  }
  int64_t count = 0;
  if (low == INT64_MIN || __builtin_sub_overflow(high, low, &count) || __builtin_add_overflow(count, 1, &count))
    return {};
  return Block{count, -low};
}
constexpr int64_t kFewElements = 64;

// ---- writing ------------------------------------------------------------------------------------------------------

class Writer {
 public:
  template <class T>
  void number(T v) {
    static_assert(std::is_integral_v<T>);
    raw(&v, sizeof v);
  }
  void count(size_t n) {
    if (n >= Program::kNoPlace) fail(ErrorKind::Value, "save: a program of so many parts has no place in a file.");
    number(static_cast<uint32_t>(n));
  }
  void string(std::string_view s) {
    count(s.size());
    raw(s.data(), s.size());
  }
  void numbers(const std::vector<uint32_t>& all) {
    count(all.size());
    for (const uint32_t n : all) number(n);
  }
  void type(const Dims& shape, DType dtype) {
    number(static_cast<uint8_t>(dtype));
    number(static_cast<uint8_t>(shape.size()));
    for (const int64_t n : shape) number(n);
  }
  /// With the layout, on which the order of a sum may depend; what is mostly gaps is written without them.
  void elements(const Tensor& t) {
    type(t.shape(), t.dtype());
    const std::optional<Block> block = block_of(t.shape(), t.strides());
    const bool as_it_lies = !t.contiguous() && t.size() > 0 && block && block->count <= 4 * t.size() + kFewElements;
    number(static_cast<uint8_t>(as_it_lies));
    if (!as_it_lies) {
      const Tensor c = as_contiguous(t);
      raw(c.data(), static_cast<size_t>(c.size()) * size_of(c.dtype()));
      return;
    }
    for (const int64_t step : t.strides()) number(step);
    // Gaps are zero: what lies there in memory belongs to others.
    const size_t item = size_of(t.dtype());
    std::vector<std::byte> memory(static_cast<size_t>(block->count) * item);
    kernels().copy({t.rank(), t.shape().data(), t.data(), t.strides().data(), t.dtype(),
                    memory.data() + static_cast<size_t>(block->first) * item, t.strides().data(), t.dtype()});
    number(block->count);
    raw(memory.data(), memory.size());
  }
  void raw(const void* data, size_t n) {
    const auto* const p = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), p, p + n);
  }
  std::vector<std::byte>& bytes() noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// Where an element lies in memory and how: what has the same is the same value.
using Identity = std::vector<int64_t>;
Identity identity_of(const Tensor& t) {
  Identity id{static_cast<int64_t>(reinterpret_cast<intptr_t>(t.buffer().get())), t.offset(),
              static_cast<int64_t>(t.dtype())};
  id.insert(id.end(), t.shape().begin(), t.shape().end());
  id.insert(id.end(), t.strides().begin(), t.strides().end());
  return id;
}

/// Numbers for the ops, tensors and bodies that programs name: each stands once in the file, bodies before who runs them.
class Tables {
 public:
  uint32_t tensor(const Tensor& t) {
    const auto [it, fresh] = tensor_numbers_.try_emplace(identity_of(t), static_cast<uint32_t>(tensors_.size()));
    if (fresh) tensors_.push_back(t);
    return it->second;
  }

  void add(const Program& p, int depth = 0) {
    if (depth > kDeepest)
      fail(ErrorKind::Value, "save: loops stand inside of each other, more than ", kDeepest, " deep.");
    Writer w;
    w.count(p.places().size());
    for (const std::string& place : p.places()) w.string(place);
    const auto statements = p.statements();
    const auto constants = p.constants();
    size_t next_statement = 0, next_constant = 0, next_input = 0, items = 0;
    Writer all;
    for (uint32_t v = 0; v < p.values().size(); ++items) {
      if (next_statement < statements.size() && statements[next_statement].out == v) {
        const Program::Statement& s = statements[next_statement++];
        write_statement(all, p, s);
        v += static_cast<uint32_t>(s.op->outputs);
        continue;
      }
      if (next_constant < constants.size() && constants[next_constant].value == v) {
        const Tensor& t = constants[next_constant++].tensor;
        if (find_body(t)) {
          const uint32_t body = body_number(t, depth);
          all.number(uint8_t{kBody});
          all.number(body);
        } else {
          if (t.boxed() || !t.defined()) fail(ErrorKind::Value, "save: a constant of the program has no elements.");
          all.number(uint8_t{kConstant});
          all.number(tensor(t));
        }
      } else {
        if (next_input == p.inputs().size() || p.inputs()[next_input] != v)
          fail(ErrorKind::Value, "save: the inputs of the program are not in their order.");
        ++next_input;
        all.number(uint8_t{kInput});
        all.type(p.values()[v].shape, p.values()[v].dtype);
      }
      ++v;
    }
    for (; next_statement < statements.size(); ++items) write_statement(all, p, statements[next_statement++]);
    w.count(items);
    w.raw(all.bytes().data(), all.bytes().size());
    w.numbers({p.outputs().begin(), p.outputs().end()});
    programs_.push_back(std::move(w.bytes()));
  }

  void write(Writer& w) const {
    w.count(ops_.size());
    for (const auto& [op, row] : ops_) {
      w.string(op->name);
      w.number(op->outputs);
      w.string(op->row_name ? op->row_name(row) : "");
    }
    w.count(tensors_.size());
    for (const Tensor& t : tensors_) w.elements(t);
    w.count(programs_.size());
    for (const auto& p : programs_) w.raw(p.data(), p.size());
  }

 private:
  uint32_t body_number(const Tensor& held, int depth) {
    const void* const key = held.buffer().get();
    if (const auto found = bodies_.find(key); found != bodies_.end()) return found->second;
    add(body_in(held).program(), depth + 1);
    const auto number = static_cast<uint32_t>(programs_.size() - 1);
    bodies_.emplace(key, number);
    return number;
  }

  uint32_t op_number(const Program& p, const Program::Statement& s) {
    const Attrs attrs = p.attrs_of(s);
    const bool known = s.op->accepts && (is_loop(*s.op) || op_named(s.op->name) == s.op);
    if (!known) {
      const std::string where = s.place == Program::kNoPlace ? "" : text(" (", p.places()[s.place], ")");
      fail(ErrorKind::Value, "save: a file cannot hold the op ", s.op->name, where, ".");
    }
    const int64_t row = s.op->row_name && attrs.count() ? attrs.words()[0] : 0;
    const auto [it, fresh] = op_numbers_.try_emplace({s.op, row}, static_cast<uint32_t>(ops_.size()));
    if (fresh) ops_.emplace_back(s.op, row);
    return it->second;
  }

  void write_statement(Writer& w, const Program& p, const Program::Statement& s) {
    w.number(uint8_t{kStatement});
    w.number(op_number(p, s));
    w.number(static_cast<uint8_t>(s.all_outputs ? kAllOutputs : 0));
    w.number(s.place);
    w.count(s.use_count);
    for (const Program::Use& use : p.uses_of(s)) {
      w.number(use.value);
      w.number(static_cast<uint8_t>(use.weak));
    }
    const Attrs attrs = p.attrs_of(s);
    w.count(static_cast<size_t>(attrs.count()));
    for (int i = 0; i < attrs.count(); ++i) w.number(i == 0 && s.op->row_name ? int64_t{0} : attrs.words()[i]);
    for (int j = 0; j < s.op->outputs; ++j) {
      if (!p.makes(s, j)) continue;
      const Program::Value& v = p.values()[s.out + static_cast<uint32_t>(j)];
      w.type(v.shape, v.dtype);
    }
  }

  std::map<std::pair<const Op*, int64_t>, uint32_t> op_numbers_;
  std::vector<std::pair<const Op*, int64_t>> ops_;
  std::map<Identity, uint32_t> tensor_numbers_;
  std::vector<Tensor> tensors_;
  std::unordered_map<const void*, uint32_t> bodies_;
  std::vector<std::vector<std::byte>> programs_;
};

// ---- reading ------------------------------------------------------------------------------------------------------

bool is_utf8(std::string_view s) noexcept {
  for (size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i++]);
    if (lead < 0x80) continue;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || s.size() - i < static_cast<size_t>(more)) return false;
    uint32_t code = lead & (0x3Fu >> more);
    for (int k = 0; k < more; ++k) {
      const auto byte = static_cast<unsigned char>(s[i++]);
      if ((byte & 0xC0) != 0x80) return false;
      code = code << 6 | (byte & 0x3F);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  }
  return true;
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  [[noreturn, gnu::noinline]] void wrong(const std::string& what) const {
    fail(ErrorKind::Value, name_, " is no program that this adcore can run: ", where_.empty() ? "" : where_ + ": ",
         what, ".");
  }
  /// What is being read.
  void set_where(std::string where) { where_ = std::move(where); }

  size_t left() const noexcept { return bytes_.size() - at_; }
  template <class T>
  T number() {
    T v{};
    std::memcpy(&v, take(sizeof v), sizeof v);
    return v;
  }
  /// How many things follow, of so many bytes each at least.
  size_t count(size_t each) {
    const size_t n = number<uint32_t>();
    if (n > left() / each) wrong(text(n, " things are said to follow in ", left(), " bytes"));
    return n;
  }
  std::string string() {
    const size_t n = count(1);
    std::string s(reinterpret_cast<const char*>(take(n)), n);
    if (!is_utf8(s)) wrong("a text that is not UTF-8");
    return s;
  }
  std::vector<uint32_t> numbers() {
    std::vector<uint32_t> all(count(4));
    for (uint32_t& n : all) n = number<uint32_t>();
    return all;
  }
  uint8_t flags(uint8_t known) {
    const auto f = number<uint8_t>();
    if (f & ~known) wrong(text("unknown flags ", int{f}));
    return f;
  }
  Program::Value type() {
    const auto dtype = number<uint8_t>(), rank = number<uint8_t>();
    if (dtype >= kDTypeCount) wrong(text("there is no dtype of number ", int{dtype}));
    DimsAttr shape;
    shape.rank = rank;
    if (rank > kMaxRank) wrong(text("a tensor of ", int{rank}, " axes"));
    for (int i = 0; i < rank; ++i) shape.v[i] = number<int64_t>();
    if (!is_shape(shape) || numel(shape.dims()) > kLargestSize) wrong("a shape that no tensor has");
    return {shape.dims(), static_cast<DType>(dtype)};
  }
  Tensor tensor() {
    const Program::Value v = type();
    const bool is_strided = flags(1);
    Dims strides = contiguous_strides(v.shape);
    if (is_strided)
      for (int64_t& step : std::span(&strides[0], static_cast<size_t>(strides.size()))) step = number<int64_t>();
    const std::optional<Block> block = block_of(v.shape, strides);
    const int64_t n = is_strided ? number<int64_t>() : numel(v.shape);
    const auto item = static_cast<int64_t>(size_of(v.dtype));
    if (!block || block->count != n) wrong("strides that do not fit the elements");
    if (n > static_cast<int64_t>(left()) / item) wrong(text("a tensor of ", n, " elements in ", left(), " bytes"));
    Tensor memory(Dims{n}, v.dtype);
    if (n > 0) std::memcpy(memory.mutable_data(), take(static_cast<size_t>(n * item)), static_cast<size_t>(n * item));
    if (v.dtype == DType::Bool) {
      const auto* const p = memory.data_as<uint8_t>();
      if (std::any_of(p, p + n, [](uint8_t b) { return b > 1; })) wrong("a bool that is neither 0 nor 1");
    }
    return {memory.buffer(), block->first, v.shape, strides, v.dtype};
  }

 private:
  const std::byte* take(size_t n) {
    if (n > left()) wrong("it ends too early");
    const std::byte* const p = bytes_.data() + at_;
    at_ += n;
    return p;
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  std::string where_;
  size_t at_ = 0;
};

struct ReadOp {
  const Op* op;
  int64_t row;
};

ReadOp read_op(Reader& r) {
  const std::string name = r.string();
  const auto outputs = r.number<uint8_t>();
  const std::string row = r.string();
  const Op* op = op_named(name);
  for (const auto family : {scan_op, while_op, branch_op})
    if (outputs > 0 && family(outputs).name == name) op = &family(outputs);
  if (!op || !op->accepts) r.wrong(text("there is no op ", name));
  if (op->outputs != outputs) r.wrong(text("the op ", name, " has ", int{op->outputs}, " outputs, not ", int{outputs}));
  if (!op->row_name) {
    if (!row.empty()) r.wrong(text("the op ", name, " has no rows"));
    return {op, 0};
  }
  for (int64_t k = 0; const char* const known = op->row_name(k); ++k)
    if (known == row) return {op, k};
  r.wrong(text("the op ", name, " has no row ", row));
}

/// One program, value by value.
class ProgramReader {
 public:
  ProgramReader(Reader& r, std::span<const ReadOp> ops, std::span<const Tensor> tensors, std::span<const Tensor> bodies,
                std::span<const int> depths)
      : r_(r), ops_(ops), tensors_(tensors), bodies_(bodies), depths_(depths) {}

  Program read(size_t number) {
    r_.set_where(text("program ", number));
    std::vector<std::string> places(r_.count(4));
    for (std::string& place : places) place = r_.string();
    place_count_ = places.size();
    builder_.set_places(places);
    const size_t items = r_.count(1);
    for (size_t i = 0; i < items; ++i) {
      r_.set_where(text("program ", number, ", item ", i));
      item();
    }
    r_.set_where(text("program ", number, ", outputs"));
    for (const uint32_t v : r_.numbers()) builder_.output(value(v).number);
    return builder_.take();
  }
  /// How deep loops stand inside of each other.
  int depth() const noexcept { return depth_; }

 private:
  struct Value {
    uint32_t number = 0;        // in the program that is made
    bool made = false;          // else no call asked for it
    int64_t below = kNotKnown;  // all elements are in [0, below)
    Tensor like;                // shape and dtype; of constants with the elements
  };
  static constexpr int64_t kNotKnown = -1;

  const Value& value(uint32_t v) const {
    if (v >= values_.size() || !values_[v].made) r_.wrong(text("there is no value ", v, " yet"));
    return values_[v];
  }
  void add(uint32_t number, Tensor like, int64_t below = kNotKnown) {
    values_.push_back({number, true, below, std::move(like)});
  }
  static Tensor without_memory(const Dims& shape, DType dtype) {
    return {BufferRef(), 0, shape, contiguous_strides(shape), dtype};
  }

  void item() {
    switch (r_.number<uint8_t>()) {
      case kInput: {
        const Program::Value v = r_.type();
        return add(builder_.input(v.shape, v.dtype), without_memory(v.shape, v.dtype));
      }
      case kConstant: {
        const auto k = r_.number<uint32_t>();
        if (k >= tensors_.size()) r_.wrong(text("there is no tensor ", k));
        return add(builder_.constant(tensors_[k]), tensors_[k]);
      }
      case kBody: {
        const auto k = r_.number<uint32_t>();
        if (k >= bodies_.size()) r_.wrong(text("there is no program ", k, " before this one"));
        depth_ = std::max(depth_, depths_[k] + 1);
        if (depth_ > kDeepest) r_.wrong(text("loops stand inside of each other, more than ", kDeepest, " deep"));
        return add(builder_.constant(bodies_[k]), bodies_[k]);
      }
      case kStatement: return statement();
      default: r_.wrong("an item of unknown kind");
    }
  }

  void statement() {
    const auto op_number = r_.number<uint32_t>();
    if (op_number >= ops_.size()) r_.wrong(text("there is no op of number ", op_number));
    const auto [op, row] = ops_[op_number];
    const bool all_outputs = r_.flags(kAllOutputs) & kAllOutputs;
    const auto place = r_.number<uint32_t>();
    if (place != Program::kNoPlace && place >= place_count_) r_.wrong(text("there is no line of number ", place));
    std::vector<uint32_t> uses(r_.count(5));
    std::vector<uint8_t> weak(uses.size());
    if (uses.size() > UINT16_MAX) r_.wrong("more operands than a call has");
    for (size_t k = 0; k < uses.size(); ++k) {
      uses[k] = r_.number<uint32_t>();
      weak[k] = r_.flags(1);
      value(uses[k]);
    }
    std::vector<int64_t> words(r_.count(8));
    for (int64_t& w : words) w = r_.number<int64_t>();
    if (op->row_name) {
      if (words.empty() || words[0] != 0) r_.wrong("a row where its name stands");
      words[0] = row;
    }
    const Attrs attrs(words.data(), static_cast<int>(words.size()));

    std::vector<Operand> operands;
    for (size_t k = 0; k < uses.size(); ++k) operands.push_back({&values_[uses[k]].like, 0, weak[k] != 0});
    std::vector<Tensor> out(op->outputs);
    Call call{*op, operands.data(), static_cast<int>(uses.size()), out.data(), attrs, all_outputs};
    bool accepted = false;
    try {
      accepted = op->accepts(call);
      if (accepted) op->infer(call);
    } catch (const Error& e) {
      r_.wrong(text("a call of ", op->name, ": ", e.what()));
    }
    if (!accepted) r_.wrong(text("a call of ", op->name, " with operands or attributes that it does not take"));

    std::vector<Program::Use> given;
    for (size_t k = 0; k < uses.size(); ++k) given.push_back({values_[uses[k]].number, weak[k] != 0});
    if (op->places >= 0) check_places(call, given[static_cast<size_t>(op->places)], uses, place);
    const uint32_t first = builder_.statement(*op, given, attrs, all_outputs, place);
    // Now: the call's operands stand in values_, which grows below.
    std::vector<int64_t> bounds;
    for (int j = 0; j < op->outputs; ++j) bounds.push_back(below(call, j, uses));
    for (int j = 0; j < op->outputs; ++j) {
      const uint32_t number = first + static_cast<uint32_t>(j);
      if (!call.wants(j)) {
        values_.push_back({number, false, kNotKnown, {}});
        continue;
      }
      const Program::Value v = r_.type();
      const Tensor& made = out[static_cast<size_t>(j)];
      if (!(made.shape() == v.shape) || made.dtype() != v.dtype) {
        r_.wrong(text("a call of ", op->name, " makes ", to_string(made.shape()), " ", name_of(made.dtype()), ", not ",
                      to_string(v.shape), " ", name_of(v.dtype)));
      }
      builder_.set_value(number, v.shape, v.dtype);
      add(number, without_memory(v.shape, v.dtype), bounds[static_cast<size_t>(j)]);
    }
  }

  /// A call that relies on places gets them from one that has looked at them.
  void check_places(const Call& call, Program::Use& use, std::span<const uint32_t> uses, uint32_t place) {
    const Value& index = values_[uses[static_cast<size_t>(call.op.places)]];
    const int64_t bound = call.op.bound(call);
    if (index.below != kNotKnown && index.below <= bound) return;
    const IndexCheck check = check_of_index(call.op.name, bound);
    const Program::Use given[] = {use};
    use.value = builder_.statement(check.op, given, check.attrs(), false, place);
    builder_.set_value(use.value, index.like.shape(), DType::Int64);
  }
  /// Of output j, where it is known: places that a call makes, a check's output, and what is a view of these.
  int64_t below(const Call& call, int j, std::span<const uint32_t> uses) const {
    const Op& op = call.op;
    if (const auto size = size_checked(op, call.attrs)) return *size;
    if (op.places < 0 && op.bound && j == op.visible - 1) return op.bound(call);
    return op.view && !uses.empty() ? values_[uses[0]].below : kNotKnown;
  }

  Reader& r_;
  std::span<const ReadOp> ops_;
  std::span<const Tensor> tensors_, bodies_;
  std::span<const int> depths_;
  ProgramBuilder builder_;
  std::vector<Value> values_;
  size_t place_count_ = 0;
  int depth_ = 0;
};

}  // namespace

std::vector<std::byte> bytes_of(const StoredProgram& s) {
  check_parts(s, [](const std::string& what) { fail(ErrorKind::Value, "save: ", what, "."); });
  Tables tables;
  tables.add(s.program);
  std::vector<uint32_t> values;
  for (const StoredProgram::Cell& c : s.cells) values.push_back(tables.tensor(c.value));

  Writer w;
  w.raw(kMagic, sizeof kMagic);
  w.number(kVersion);
  w.number(uint64_t{0});  // the length, when it is known
  tables.write(w);
  w.number(s.arguments);
  w.number(s.results);
  w.numbers(s.written);
  w.count(s.cells.size());
  for (size_t k = 0; k < s.cells.size(); ++k) {
    const StoredProgram::Cell& c = s.cells[k];
    w.string(c.name);
    w.number(static_cast<uint8_t>((c.is_parameter ? kParameter : 0) | (c.is_trained ? kTrained : 0)));
    w.number(values[k]);
  }
  w.numbers(s.reads);
  w.numbers(s.writes);
  w.number(static_cast<uint8_t>((s.has_rules ? kRules : 0) | (s.has_draws ? kDraws : 0)));
  w.string(s.about);
  const uint64_t length = w.bytes().size() + kCrcBytes;
  std::memcpy(w.bytes().data() + sizeof kMagic + sizeof kVersion, &length, sizeof length);
  w.number(crc32(w.bytes()));
  // What could not be read again is not written.
  read_program(w.bytes(), "save: what was recorded");
  return std::move(w.bytes());
}

StoredProgram read_program(std::span<const std::byte> bytes, const std::string& name) {
  Reader r(bytes, name);
  if (r.left() < sizeof kMagic || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    r.wrong("it does not begin as a file of a program does");
  r.number<uint64_t>();
  const auto version = r.number<uint32_t>();
  if (version != kVersion) r.wrong(text("it has version ", version, ", version ", kVersion, " is read here"));
  if (r.number<uint64_t>() != bytes.size()) r.wrong("it is cut short, or something was added");
  if (r.left() < kCrcBytes) r.wrong("it ends too early");
  uint32_t crc = 0;
  const auto content = bytes.first(bytes.size() - kCrcBytes);
  std::memcpy(&crc, bytes.data() + content.size(), sizeof crc);
  if (crc != crc32(content)) r.wrong("its checksum is not that of what it holds");

  r.set_where("ops");
  std::vector<ReadOp> ops;
  for (size_t n = r.count(9); n > 0; --n) ops.push_back(read_op(r));
  std::vector<Tensor> tensors;
  for (size_t n = r.count(2), k = 0; k < n; ++k) {
    r.set_where(text("tensor ", k));
    tensors.push_back(r.tensor());
  }
  StoredProgram s;
  std::vector<Tensor> bodies;
  std::vector<int> depths;
  r.set_where("programs");
  const size_t programs = r.count(12);
  if (programs == 0) r.wrong("there is none");
  for (size_t k = 0; k < programs; ++k) {
    ProgramReader reader(r, ops, tensors, bodies, depths);
    Program p = reader.read(k);
    depths.push_back(reader.depth());
    if (k + 1 == programs) {
      s.program = std::move(p);
    } else {
      bodies.push_back(hold_body(std::move(p)));
    }
  }
  r.set_where("cells");
  s.arguments = r.number<uint32_t>();
  s.results = r.number<uint32_t>();
  s.written = r.numbers();
  for (size_t n = r.count(9), k = 0; k < n; ++k) {
    StoredProgram::Cell c;
    c.name = r.string();
    const uint8_t flags = r.flags(kParameter | kTrained);
    c.is_parameter = flags & kParameter;
    c.is_trained = flags & kTrained;
    const auto value = r.number<uint32_t>();
    if (value >= tensors.size()) r.wrong(text("there is no tensor ", value));
    c.value = tensors[value];
    s.cells.push_back(std::move(c));
  }
  s.reads = r.numbers();
  s.writes = r.numbers();
  const uint8_t flags = r.flags(kRules | kDraws);
  s.has_rules = flags & kRules;
  s.has_draws = flags & kDraws;
  s.about = r.string();
  r.set_where("");
  if (r.left() != kCrcBytes) r.wrong("something stands behind its end");
  check_parts(s, [&](const std::string& what) { r.wrong(what); });
  return s;
}

StoredProgram record(std::span<const Tensor> arguments, std::vector<StoredProgram::Cell> cells,
                     FunctionRef<Step(const std::vector<Tensor>&, const std::vector<Tensor>&)> f) {
  const auto trace = std::make_shared<Trace>();
  const FrameScope scope(*trace);
  std::vector<Tensor> given, kept;
  StoredProgram s;
  for (const Tensor& t : arguments) given.push_back(trace->input(t));
  for (uint32_t k = 0; k < cells.size(); ++k) {
    kept.push_back(trace->input(cells[k].value));
    s.reads.push_back(k);
  }
  const Step step = f(given, kept);
  if (step.cells.size() != cells.size()) {
    fail(ErrorKind::Value, "record: the function gives new values of ", step.cells.size(), " cells, there are ",
         cells.size(), ".");
  }
  for (const auto* values : {&step.results, &step.cells})
    for (const Tensor& t : *values) trace->output(t);
  s.writes = s.reads;
  s.arguments = static_cast<uint32_t>(given.size());
  s.results = static_cast<uint32_t>(step.results.size());
  s.has_rules = trace->has_rules;
  s.has_draws = trace->has_draws;
  s.cells = std::move(cells);
  s.program = trace->take();
  return s;
}

// ---- a program with its cells -------------------------------------------------------------------------------------

StatefulProgram::StatefulProgram(StoredProgram stored)
    : stored_(std::move(stored)), body_(std::make_unique<Body>(std::make_shared<const Program>(stored_.program))) {
  check_parts(stored_, [](const std::string& what) { fail(ErrorKind::Value, "StatefulProgram: ", what, "."); });
}

std::vector<Tensor> StatefulProgram::run(std::span<const Tensor> arguments) {
  if (arguments.size() != stored_.arguments) {
    fail(ErrorKind::Value, "run: the program takes ", stored_.arguments, " arguments, got ", arguments.size(), ".");
  }
  std::vector<Tensor> inputs(arguments.begin(), arguments.end()), outputs;
  for (const uint32_t k : stored_.reads) inputs.push_back(stored_.cells[k].value);
  program().check_inputs(inputs);
  Steps(*body_).run(inputs, outputs);
  const size_t kept = outputs.size() - stored_.writes.size();
  for (size_t k = 0; k < stored_.writes.size(); ++k) stored_.cells[stored_.writes[k]].value = outputs[kept + k];
  outputs.resize(kept);
  return outputs;
}

std::vector<std::string> StatefulProgram::state_names() const {
  std::vector<std::string> names;
  for (const StoredProgram::Cell& c : stored_.cells) names.push_back(c.name);
  return names;
}

size_t StatefulProgram::cell(std::string_view name) const {
  const auto found = std::ranges::find(stored_.cells, name, &StoredProgram::Cell::name);
  if (found == stored_.cells.end()) fail(ErrorKind::Value, "state: the program keeps no '", name, "'.");
  return static_cast<size_t>(found - stored_.cells.begin());
}

void StatefulProgram::set_state(std::string_view name, const Tensor& value) {
  Tensor& now = stored_.cells[cell(name)].value;
  if (!(value.shape() == now.shape()) || value.dtype() != now.dtype()) {
    fail(ErrorKind::Value, "set_state: '", name, "' is ", to_string(now.shape()), " ", name_of(now.dtype()), ", got ",
         to_string(value.shape()), " ", name_of(value.dtype()), ".");
  }
  now = value.detached();
}

void StatefulProgram::save(const std::string& path) const { replace_file("save", path, bytes_of(stored_)); }

StatefulProgram load_program(const std::string& path) {
  return StatefulProgram(read_program(read_file("load_program", path), text("load_program: ", path)));
}

}  // namespace adcore
