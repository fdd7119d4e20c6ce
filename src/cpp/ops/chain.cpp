// Start reading at run_chain(). A block is run by run_chain_block(), which looks kernels up as it goes: beside a block
// the look-up costs nothing, and there is nothing to prepare for arrays that are shorter than one.
#include "ops/chain.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/thread_pool.h"
#include "kernels/formulas.h"
#include "kernels/joined.h"

namespace adcore {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kMostChunk = 32 * 1024;   // elements for one thread at a time, a multiple of every block
constexpr int64_t kChunkWork = 256 * 1024;  // elements times steps
constexpr size_t kOperands = kMaxArity + 2;

/// What a step reads.
std::array<ChainIndex, kOperands> operands_of(const ChainStep& s) {
  return {s.in[0], s.in[1], s.in[2], s.g, s.kind == ChainStep::kJoint ? ChainIndex{0} : s.y};
}

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// ---- one element --------------------------------------------------------------------------------------------------
// What a kernel of packs does before and after its loop is more than a number takes.

/// Rows whose text means the same on a number as on packs: IEEE arithmetic without constants or functions.
template <int... Row>
struct Rows {};
using PlainRows = Rows<formula_index("mul"), formula_index("add"), formula_index("sub"), formula_index("neg"),
                       formula_index("div"), formula_index("square")>;

template <int Row, class T>
bool plain_row(int row, T a, T b, T& result) {
  if (row != Row) return false;
  constexpr const auto& formula = row_at<Row>(kFormulas);
  if constexpr (std::remove_cvref_t<decltype(formula)>::kArity == 1) {
    result = formula.value(a);
  } else {
    result = formula.value(a, b);
  }
  return true;
}
/// False where the row is none of them.
template <class T, int... Row>
[[gnu::always_inline]] inline bool plain_value(Rows<Row...>, int row, T a, T b, T& result) {
  return (plain_row<Row>(row, a, b, result) || ...);
}

/// Runs steps up to one whose row is not plain; returns that one. The result of the step before is read from where it
/// was computed: through memory it would come some cycles later, and such chains wait for nothing else. There is no
/// call in the loop, for which it would have to leave its register.
template <class T>
const ChainStep* run_plain(const ChainStep* s, const ChainStep* end, std::byte* const* at) {
  ChainIndex newest = 0;
  T result = 0;
  const auto value = [&](ChainIndex lane) { return lane == newest ? result : *reinterpret_cast<const T*>(at[lane]); };
  for (; s != end; ++s) {
    if (s->kind != ChainStep::kMap || !plain_value(PlainRows(), s->row, value(s->in[0]), value(s->in[1]), result))
      break;
    newest = s->out;
    *reinterpret_cast<T*>(at[newest]) = result;
  }
  return s;
}

// ---- steps --------------------------------------------------------------------------------------------------------

void run_step(const ElementwiseKernel* rows, Compute compute, const ChainStep& s, std::byte* const* at, int64_t n) {
  const auto c = static_cast<size_t>(compute);
  const void* const in[] = {at[s.in[0]], at[s.in[1]], at[s.in[2]]};
  if (s.kind == ChainStep::kMap) return rows[s.row].map[c](in, at[s.out], n, s.scalars);
  if (s.kind == ChainStep::kPair) return joined_kernels().pairs[s.row][c](in, at[s.out], n, s.scalars);
  if (s.kind == ChainStep::kJoint) return joined_kernels().joint[s.row][c](in[0], at[s.out], at[s.y], n, s.scalars);
  if (s.is_partial()) {
    const PartialFn partial = rows[s.row].partial[s.kind - ChainStep::kPartial0][c];
    return partial(at[s.g], in, at[s.y], at[s.out], n, s.scalars);
  }
  kernels().load_block(in[0], s.scalars ? 0 : 1, static_cast<DType>(s.row), compute, at[s.out], n);
}

void run_steps(Compute compute, std::span<const ChainStep> steps, std::byte* const* at, int64_t n) {
  const ElementwiseKernel* const rows = kernels().elementwise;
  for (const ChainStep& s : steps) run_step(rows, compute, s, at, n);
}

template <class T>
void run_one(Compute compute, std::span<const ChainStep> steps, std::byte* const* at) {
  const ElementwiseKernel* const rows = kernels().elementwise;
  const ChainStep* const end = steps.data() + steps.size();
  for (const ChainStep* s = steps.data(); (s = run_plain<T>(s, end, at)) != end; ++s)
    run_step(rows, compute, *s, at, 1);
}

/// Memory for the time of a run: what little a small one needs is there already.
class Memory {
 public:
  explicit Memory(int64_t bytes) : block_(bytes > kInline ? allocate(static_cast<size_t>(bytes)) : nullptr) {
    data_ = block_ ? block_.data() : inline_;
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data() const noexcept { return data_; }

 private:
  static constexpr int64_t kInline = 4096;
  BufferRef block_;
  std::byte* data_;
  alignas(kAlignment) std::byte inline_[kInline];
};

// ---- blocks -------------------------------------------------------------------------------------------------------

/// A chain while it runs. Lanes that move are those before the first in scratch memory.
struct Running {
  std::span<const ChainStep> steps;
  std::span<const Lane> lanes;
  std::span<const ChainReduction> reductions;
  DType dtype;
  Compute compute;
  int64_t size;                // of an element, bytes
  int64_t group;               // elements that are reduced to one
  int64_t block = 0;           // elements; whole groups, or a part of one
  int64_t window = 0;          // elements of a lane that is reduced: a block, or what a part of a reduction is made of
  int64_t parts = 0;           // of a group; 0: a block has whole groups
  std::byte* part = nullptr;   // the parts of all groups, one reduction after the other
  int64_t part_count = 0;      // of one reduction
  size_t moving = 0;           // lanes
  int64_t own_bytes = 0;       // of a thread
  std::byte** rows = nullptr;  // of every lane that moves: a short row stands here, repeated
  int64_t* own = nullptr;      // of every lane: where it is in the memory of a thread, if it is there
};

int64_t item(const Lane& lane) { return static_cast<int64_t>(size_of(lane.dtype)); }

/// Writes n elements of a column of which each stands for `period`, from element `begin` on.
template <class Word>
void spread(const std::byte* column, int64_t period, int64_t begin, int64_t n, std::byte* to) {
  auto* out = reinterpret_cast<Word*>(to);
  for (int64_t at = begin; at < begin + n;) {
    const int64_t end = std::min(begin + n, (at / period + 1) * period);
    std::fill(out, out + (end - at), reinterpret_cast<const Word*>(column)[at / period]);
    out += end - at;
    at = end;
  }
}
void spread(const Lane& lane, int64_t begin, int64_t n, std::byte* to) {
  switch (item(lane)) {
    case 1: return spread<uint8_t>(lane.data, lane.period, begin, n, to);
    case 2: return spread<uint16_t>(lane.data, lane.period, begin, n, to);
    case 4: return spread<uint32_t>(lane.data, lane.period, begin, n, to);
    default: return spread<uint64_t>(lane.data, lane.period, begin, n, to);
  }
}

/// Memory of one thread: where every lane is in the block that it works on, and the lanes of its own.
class Lanes {
 public:
  explicit Lanes(const Running& run) : run_(run), memory_(run.own_bytes) {
    std::byte** const at = table();
    for (size_t k = run.moving; k < run.lanes.size(); ++k) at[k] = own(k);
    at[0] = own(0);  // what nobody means may be read
    std::memset(at[0], 0, kAlignment);
  }

  std::byte** table() const noexcept { return reinterpret_cast<std::byte**>(memory_.data()); }
  std::byte* own(size_t lane) const noexcept { return memory_.data() + run_.own[lane]; }

  /// Moves to the block that begins with an element, the so-manieth of a window; returns how many elements of at most n
  /// it has.
  int64_t move_to(int64_t begin, int64_t in_window, int64_t n) const {
    n = std::min(n, run_.window - in_window);
    std::byte** const at = table();
    for (size_t k = 1; k < run_.moving; ++k) {
      const Lane& lane = run_.lanes[k];
      switch (lane.kind) {
        case Lane::Kind::Array: at[k] = lane.data + begin * item(lane); break;
        case Lane::Kind::Row: {
          const int64_t first = begin % lane.period;
          at[k] = (run_.rows[k] ? run_.rows[k] : lane.data) + first * item(lane);
          if (!run_.rows[k]) n = std::min(n, lane.period - first);
          break;
        }
        case Lane::Kind::Column:
          at[k] = own(k);
          spread(lane, begin, n, at[k]);
          break;
        case Lane::Kind::Window: at[k] = own(k) + in_window * run_.size; break;
        default: at[k] = lane.data;
      }
    }
    return n;
  }

  /// The next n elements are on their way while others are computed: hardware sees too little of each array to guess
  /// it.
  void fetch(int64_t begin, int64_t n) const {
    for (size_t k = 1; k < run_.moving; ++k) {
      const Lane& lane = run_.lanes[k];
      if (!lane.read) continue;
      for (int64_t i = begin * item(lane); i < (begin + n) * item(lane); i += kAlignment)
        __builtin_prefetch(lane.data + i, 0, 2);
    }
  }

 private:
  const Running& run_;
  const Memory memory_;
};

/// Reduces n elements that are there: those of a window that ends with element `end`.
void reduce_window(const Running& run, const Lanes& lanes, int64_t end, int64_t n) {
  const int64_t begin = end - n;
  std::byte* part = run.part;
  for (const ChainReduction& r : run.reductions) {
    const Lane& lane = run.lanes[r.in];
    const std::byte* const x = lane.kind == Lane::Kind::Window ? lanes.own(r.in) : lane.data + begin * run.size;
    const ReductionKernel& kernel = kernels().reductions[r.row];
    const auto c = static_cast<size_t>(run.compute);
    if (run.parts == 0) {
      kernel.run[c]({x, r.out + begin / run.group * run.size, n / run.group, run.group, 1, r.p, nullptr});
      continue;
    }
    const int64_t i = begin / run.group * run.parts + begin % run.group / run.window;
    kernel.parts[c].part(x, n, run.group, r.p, part + i * kernels().part_bytes);
    part += run.part_count * kernels().part_bytes;
  }
}

void join_parts(const Running& run, int64_t groups) {
  const std::byte* part = run.part;
  for (const ChainReduction& r : run.reductions) {
    const ReductionParts& kernel = kernels().reductions[r.row].parts[static_cast<size_t>(run.compute)];
    for (int64_t g = 0; g < groups; ++g, part += run.parts * kernels().part_bytes)
      kernel.join(part, run.parts, run.group, r.p, r.out + g * run.size);
  }
}

/// [begin, end) begins with a window.
void run_chunk(const Running& run, int64_t begin, int64_t end) {
  const Lanes lanes(run);
  int64_t in_window = 0;
  for (int64_t at = begin, n = 0; at < end; at += n) {
    n = lanes.move_to(at, in_window, std::min(run.block, end - at));
    lanes.fetch(at + n, std::min(run.block, end - at - n));
    run_chain_block(run.dtype, run.steps, lanes.table(), n);
    in_window += n;
    if (in_window < run.window && at + n < end) continue;
    reduce_window(run, lanes, at + n, in_window);
    in_window = 0;
  }
}

/// What a lane takes of a thread's memory.
int64_t own_size(const Running& run, const Lane& lane) {
  switch (lane.kind) {
    case Lane::Kind::Scratch: return run.block * run.size;
    case Lane::Kind::Column: return run.block * item(lane);
    case Lane::Kind::Window: return run.window * run.size;
    default: return 0;
  }
}

/// Rows that are shorter than a block, repeated so that a block finds its part in one piece wherever it begins.
int64_t repeated_size(const Running& run, const Lane& lane) {
  const bool is_short = lane.kind == Lane::Kind::Row && lane.period <= run.block;
  return is_short ? (run.block + lane.period) * item(lane) : 0;
}
void repeat(const Lane& lane, std::byte* to, int64_t bytes) {
  int64_t done = std::min(lane.period * item(lane), bytes);
  std::memcpy(to, lane.data, static_cast<size_t>(done));
  for (int64_t more = done; done < bytes; done += more) {
    more = std::min(done, bytes - done);
    std::memcpy(to + done, to, static_cast<size_t>(more));
  }
}

/// Room for some more bytes at the end of memory that is being laid out: where it begins.
int64_t room(int64_t& total, int64_t bytes) { return std::exchange(total, total + round_up(bytes, kAlignment)); }

/// Blocks, windows, parts.
void set_sizes(Running& run, int64_t n) {
  run.block = std::min(n, kChainBlock / run.size);
  if (run.group <= run.block) {
    run.window = run.block = run.block / run.group * run.group;
    return;
  }
  run.window = kernels().reduced_bytes / run.size;
  run.block = std::min(run.block, run.window);
  run.parts = (run.group + run.window - 1) / run.window;
  run.part_count = n / run.group * run.parts;
}

/// Runs body(from, to) for chunks of n elements, in parallel where there are several.
template <class Body>
void for_chunks(const Running& run, int64_t n, Body body) {
  const auto kernels_of_block = static_cast<int64_t>(run.steps.size() + run.reductions.size());
  const int64_t wanted = std::max(kChunkWork / kernels_of_block, run.window);
  const int64_t chunk = std::min(wanted, kMostChunk) / run.window * run.window;
  // No chunk has parts of two groups.
  const int64_t stretch = run.parts ? run.group : n;
  const int64_t per_stretch = (stretch + chunk - 1) / chunk;
  const auto one = [&](int64_t i) {
    const int64_t begin = i / per_stretch * stretch, from = begin + i % per_stretch * chunk;
    body(from, std::min(begin + stretch, from + chunk));
  };
  const int64_t chunks = n / stretch * per_stretch;
  if (n <= chunk) {
    for (int64_t i = 0; i < chunks; ++i) one(i);
    return;
  }
  std::atomic<bool> failed{false};  // an exception must not leave a thread of the pool
  parallel_for(chunks, [&](int64_t i) {
    try {
      one(i);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  });
  if (failed) throw std::bad_alloc();
}

}  // namespace

// ---- running ------------------------------------------------------------------------------------------------------

void run_chain_block(DType dtype, std::span<const ChainStep> steps, std::byte* const* at, int64_t n) {
  const Compute compute = compute_of(dtype);
  if (n != 1) return run_steps(compute, steps, at, n);
  dtype == DType::Float32 ? run_one<float>(compute, steps, at) : run_one<double>(compute, steps, at);
}

void run_chain(DType dtype, std::span<const ChainStep> steps, std::span<const Lane> lanes, int64_t n,
               std::span<const ChainReduction> reductions, int64_t group) {
  if (n == 0) return;
  Running run{steps, lanes, reductions, dtype, compute_of(dtype), static_cast<int64_t>(size_of(dtype)), group};
  set_sizes(run, n);
  run.moving = lanes.size();
  while (run.moving > 1 && lanes[run.moving - 1].kind == Lane::Kind::Scratch) --run.moving;

  // What all threads read, and the parts.
  const auto count = static_cast<int64_t>(lanes.size());
  int64_t bytes = 0;
  const int64_t rows = room(bytes, count * int64_t{sizeof(std::byte*)});
  const int64_t own = room(bytes, count * int64_t{sizeof(int64_t)});
  const int64_t parts = room(bytes, static_cast<int64_t>(reductions.size()) * run.part_count * kernels().part_bytes);
  int64_t row = bytes;
  for (const Lane& lane : lanes) room(bytes, repeated_size(run, lane));
  const Memory memory(bytes);
  std::byte* const base = memory.data();
  run.rows = reinterpret_cast<std::byte**>(base + rows);
  run.own = reinterpret_cast<int64_t*>(base + own);
  run.part = base + parts;
  room(run.own_bytes, count * int64_t{sizeof(std::byte*)});
  for (size_t k = 0; k < lanes.size(); ++k) {
    const Lane& lane = lanes[k];
    run.own[k] = room(run.own_bytes, k == 0 ? 1 : own_size(run, lane));
    const int64_t repeated = repeated_size(run, lane);
    run.rows[k] = repeated ? base + room(row, repeated) : nullptr;
    if (repeated) repeat(lane, run.rows[k], repeated);
  }

  for_chunks(run, n, [&](int64_t from, int64_t to) { run_chunk(run, from, to); });
  if (run.parts) join_parts(run, n / group);
}

// ---- lanes --------------------------------------------------------------------------------------------------------

bool is_uniform(const Tensor& t) noexcept {
  for (int i = 0; i < t.rank(); ++i)
    if (t.shape()[i] != 1 && t.strides()[i] != 0) return false;
  return t.size() != 0;
}

Lane lane_of(const Tensor& t, const Dims& shape) noexcept {
  Lane lane;
  lane.dtype = t.dtype();
  lane.data = static_cast<std::byte*>(const_cast<void*>(t.data()));
  const int skip = shape.size() - t.rank();
  const auto step_of = [&](int axis) {
    return axis < skip || t.shape()[axis - skip] == 1 ? int64_t{0} : t.strides()[axis - skip];
  };
  // From the last axis on: some along which nothing changes, some along which the elements follow each other, and others
  // along which nothing changes.
  int axis = shape.size() - 1;
  int64_t same = 1, step = 1, again = 1;
  for (; axis >= 0 && (shape[axis] == 1 || step_of(axis) == 0); --axis) same *= shape[axis];
  for (; axis >= 0 && (shape[axis] == 1 || step_of(axis) == step); --axis) step *= shape[axis];
  for (; axis >= 0 && (shape[axis] == 1 || step_of(axis) == 0); --axis) again *= shape[axis];
  if (axis >= 0 || (same > 1 && step > 1 && again > 1)) return lane;
  if (step == 1) {
    lane.kind = same == 1 ? Lane::Kind::Array : Lane::Kind::Uniform;
  } else if (same > 1) {
    lane.kind = Lane::Kind::Column;
    lane.period = same;
  } else if (again > 1) {
    lane.kind = Lane::Kind::Row;
    lane.period = step;
  } else {
    lane.kind = Lane::Kind::Array;
    lane.read = true;
  }
  return lane;
}

// ---- planning -----------------------------------------------------------------------------------------------------

ChainIndex ChainPlan::new_value(int made, bool uniform) {
  values_.push_back({made, kNotRead, uniform});
  return static_cast<ChainIndex>(values_.size() - 1);
}

ChainIndex ChainPlan::add(ChainStep s) {
  const auto step = static_cast<int>(steps_.size());
  for (const ChainIndex v : operands_of(s)) values_[v].last_use = step;
  s.scalars = static_cast<uint8_t>(values_[s.g].uniform << kMaxArity);
  for (int k = 0; k < kMaxArity; ++k) s.scalars |= static_cast<uint8_t>(values_[s.in[k]].uniform << k);
  s.out = new_value(step, false);
  if (s.kind == ChainStep::kJoint) s.y = new_value(step, false);
  steps_.push_back(s);
  return s.out;
}

int joint_index(int row) noexcept {
  static constexpr auto kNumbers = kFormulas.apply([](const auto&... rows) {
    const auto number = [](std::string_view name) {
      const auto* const found = std::ranges::find(kJointRows, name);
      return found == std::end(kJointRows) ? -1 : static_cast<int>(found - kJointRows);
    };
    return std::array{number(rows.name())...};
  });
  return kNumbers[static_cast<size_t>(row)];
}

ChainPlan::Joint ChainPlan::add_joint(int joint, ChainIndex in) {
  ChainStep s;
  s.row = static_cast<uint16_t>(joint);
  s.kind = ChainStep::kJoint;
  s.in[0] = in;
  const ChainIndex value = add(s);
  return {value, steps_.back().y};
}

void ChainPlan::pair(std::span<const ChainIndex> outputs) {
  std::vector<int> uses(values_.size());
  for (const ChainStep& s : steps_)
    for (const ChainIndex v : operands_of(s)) ++uses[v];
  for (const ChainIndex v : outputs) ++uses[v];
  // A step that went into another one has no output any more.
  for (ChainStep& s : steps_) {
    for (const int k : {0, 1}) {
      const ChainIndex v = s.in[k];
      if (s.kind != ChainStep::kMap || values_[v].made == kNotMade || uses[v] != 1) continue;
      ChainStep& first = steps_[static_cast<size_t>(values_[v].made)];
      const int pair = first.kind == ChainStep::kMap ? pair_index(first.row, s.row, k == 1) : -1;
      if (pair < 0) continue;
      const ChainIndex other = s.in[1 - k];
      const uint32_t scalars = (first.scalars & 3u) | (s.scalars >> (1 - k) & 1u) << 2;
      s.row = static_cast<uint16_t>(pair);
      s.kind = ChainStep::kPair;
      s.scalars = static_cast<uint8_t>(scalars);
      std::ranges::copy(std::array{first.in[0], first.in[1], other}, s.in);
      first.out = 0;
    }
  }
  std::erase_if(steps_, [](const ChainStep& s) { return s.out == 0; });
  count_steps();
}

/// Where values are made and read last.
void ChainPlan::count_steps() {
  for (Value& v : values_) v.last_use = kNotRead;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const auto step = static_cast<int>(i);
    for (const ChainIndex v : operands_of(steps_[i])) values_[v].last_use = step;
    values_[steps_[i].out].made = step;
    if (steps_[i].kind == ChainStep::kJoint) values_[steps_[i].y].made = step;
  }
}

int ChainPlan::place(std::span<const ChainIndex> outputs) {
  lanes_.assign(values_.size(), 0);
  ChainIndex next = 1;
  for (size_t v = 1; v < values_.size(); ++v)
    if (values_[v].made == kNotMade) lanes_[v] = next++;
  for (const ChainIndex v : outputs) lanes_[v] = next++;
  const ChainIndex first = next;
  std::vector<ChainIndex> free;
  const auto take = [&](ChainIndex v) {
    if (lanes_[v]) return;
    if (free.empty()) free.push_back(next++);
    lanes_[v] = free.back();
    free.pop_back();
  };
  const auto give_back = [&](ChainIndex v) {
    if (lanes_[v] >= first && values_[v].last_use == kNotRead) free.push_back(lanes_[v]);
  };
  for (size_t i = 0; i < steps_.size(); ++i) {
    ChainStep& s = steps_[i];
    const ChainIndex made = s.out, slope = s.kind == ChainStep::kJoint ? s.y : ChainIndex{0};
    // A result may take the place of an operand of its size.
    if (s.kind == ChainStep::kLoad) take(made);
    for (ChainIndex* const operand : {&s.in[0], &s.in[1], &s.in[2], &s.g, &s.y}) {
      if (slope && operand == &s.y) continue;
      Value& v = values_[*operand];
      *operand = lanes_[*operand];
      if (*operand < first || v.last_use != static_cast<int>(i)) continue;
      free.push_back(*operand);
      v.last_use = kNotRead;  // given back once, also where a step reads it twice
    }
    take(made);
    s.out = lanes_[made];
    if (slope) {
      take(slope);
      s.y = lanes_[slope];
      give_back(slope);
    }
    give_back(made);
  }
  return next - first;
}

}  // namespace adcore
