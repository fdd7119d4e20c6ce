// Start reading at run_chain(). A block is run by run_steps(), which looks kernels up as it goes: beside a block the
// look-up costs nothing, and there is nothing to prepare for arrays that are shorter than one.
#include "ops/chain.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "base/thread_pool.h"
#include "kernels/formulas.h"

namespace adcore {
namespace {

constexpr int64_t kBlockBytes = 4 * 1024;  // a dozen of them fit the first-level cache
constexpr int64_t kAlignment = 64;
constexpr int64_t kMostChunk = 32 * 1024;   // elements for one thread at a time, a multiple of every block
constexpr int64_t kChunkWork = 256 * 1024;  // elements times steps
constexpr size_t kOperands = kMaxArity + 2;

std::array<ChainIndex, kOperands> operands_of(const ChainStep& s) { return {s.in[0], s.in[1], s.in[2], s.g, s.y}; }

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

// ---- blocks -------------------------------------------------------------------------------------------------------

/// A chain while it runs. Lanes that move are those before the first in scratch memory.
struct Running {
  std::span<const ChainStep> steps;
  std::span<const Lane> lanes;
  Compute compute;
  int64_t block = 0;           // elements
  int64_t lane_bytes = 0;      // of a lane in scratch memory
  size_t moving = 0;           // lanes
  uint8_t* uniform = nullptr;  // of every lane: 0 or 1
  std::byte** rows = nullptr;  // of every lane that moves: a short row stands here, repeated
};

void run_step(const Running& run, const ChainStep& s, std::byte* const* at, int64_t n) {
  const auto c = static_cast<size_t>(run.compute);
  const uint8_t* const u = run.uniform;
  if (s.kind == ChainStep::kLoad) {
    const ChainIndex from = s.in[0];
    return kernels().load_block(at[from], u[from] ? 0 : 1, run.lanes[from].dtype, run.compute, at[s.out], n);
  }
  const ElementwiseKernel& kernel = kernels().elementwise[s.row];
  const void* const in[] = {at[s.in[0]], at[s.in[1]], at[s.in[2]]};
  const auto scalars = static_cast<uint32_t>(u[s.in[0]] | u[s.in[1]] << 1 | u[s.in[2]] << 2 | u[s.g] << kMaxArity);
  if (s.is_partial()) {
    kernel.partial[s.kind - ChainStep::kPartial0][c](at[s.g], in, at[s.y], at[s.out], n, scalars);
  } else {
    kernel.map[c](in, at[s.out], n, scalars);
  }
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

template <class T>
void run_one(const Running& run, std::byte* const* at) {
  const ChainStep* const end = run.steps.data() + run.steps.size();
  for (const ChainStep* s = run.steps.data(); (s = run_plain<T>(s, end, at)) != end; ++s) run_step(run, *s, at, 1);
}

int64_t item(const Lane& lane) { return static_cast<int64_t>(size_of(lane.dtype)); }

/// Memory of one thread: where every lane is in the block that it works on, and the lanes of its own.
class Lanes {
 public:
  explicit Lanes(const Running& run)
      : run_(run),
        table_bytes_(round_up(static_cast<int64_t>(run.lanes.size() * sizeof(std::byte*)), kAlignment)),
        memory_(static_cast<size_t>(table_bytes_ + kAlignment +
                                    static_cast<int64_t>(run.lanes.size() - run.moving) * run.lane_bytes)) {
    auto* const none = memory_.as<std::byte>() + table_bytes_;  // what nobody means may be read
    std::memset(none, 0, kAlignment);
    table()[0] = none;
    for (size_t k = run.moving; k < run.lanes.size(); ++k)
      table()[k] = none + kAlignment + static_cast<int64_t>(k - run.moving) * run.lane_bytes;
  }

  std::byte** table() const noexcept { return memory_.as<std::byte*>(); }

  /// Moves to the block that begins with an element; returns how many elements of at most n it has.
  int64_t move_to(int64_t begin, int64_t n) const {
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
  const int64_t table_bytes_;
  const Scratch memory_;
};

void run_chunk(const Running& run, int64_t begin, int64_t end) {
  const Lanes lanes(run);
  for (int64_t at = begin, n = 0; at < end; at += n) {
    n = lanes.move_to(at, std::min(run.block, end - at));
    lanes.fetch(at + n, std::min(run.block, end - at - n));
    for (const ChainStep& s : run.steps) run_step(run, s, lanes.table(), n);
  }
}

/// Rows that are shorter than a block, repeated so that a block finds its part in one piece wherever it begins.
int64_t row_bytes(const Running& run, const Lane& lane) {
  const bool is_short = lane.kind == Lane::Kind::Row && lane.period <= run.block;
  return is_short ? round_up((run.block + lane.period) * item(lane), kAlignment) : 0;
}
void repeat(const Lane& lane, std::byte* to, int64_t n) {
  for (int64_t i = 0; i < n; i += lane.period)
    std::memcpy(to + i * item(lane), lane.data, static_cast<size_t>(std::min(lane.period, n - i) * item(lane)));
}

}  // namespace

// ---- running ------------------------------------------------------------------------------------------------------

void run_chain(DType dtype, std::span<const ChainStep> steps, std::span<const Lane> lanes, int64_t n) {
  if (n == 0 || steps.empty()) return;
  const auto size = static_cast<int64_t>(size_of(dtype));
  Running run{steps, lanes, compute_of(dtype)};
  run.block = std::min(n, kBlockBytes / size);
  run.lane_bytes = round_up(run.block * size, kAlignment);
  run.moving = lanes.size();
  while (run.moving > 1 && lanes[run.moving - 1].kind == Lane::Kind::Scratch) --run.moving;

  int64_t shared = round_up(static_cast<int64_t>(run.moving * sizeof(std::byte*)), kAlignment);
  const int64_t first_flag = shared;
  shared += round_up(static_cast<int64_t>(lanes.size()), kAlignment);
  const int64_t first_row = shared;
  for (const Lane& lane : lanes) shared += row_bytes(run, lane);
  const Scratch memory(static_cast<size_t>(shared));
  run.rows = memory.as<std::byte*>();
  run.uniform = memory.as<uint8_t>() + first_flag;
  int64_t row = first_row;
  for (size_t k = 0; k < lanes.size(); ++k) {
    const Lane& lane = lanes[k];
    run.uniform[k] = lane.kind == Lane::Kind::Uniform;
    if (k >= run.moving) continue;
    run.rows[k] = nullptr;
    if (const int64_t bytes = row_bytes(run, lane)) {
      run.rows[k] = memory.as<std::byte>() + row;
      repeat(lane, run.rows[k], run.block + lane.period);
      row += bytes;
    }
  }

  if (n == 1) {
    const Lanes one_each(run);
    one_each.move_to(0, 1);
    return dtype == DType::Float32 ? run_one<float>(run, one_each.table()) : run_one<double>(run, one_each.table());
  }
  const auto step_count = static_cast<int64_t>(steps.size());
  const int64_t chunk = std::clamp(kChunkWork / step_count / run.block * run.block, run.block, kMostChunk);
  if (n <= chunk) return run_chunk(run, 0, n);
  std::atomic<bool> failed{false};  // an exception must not leave a thread of the pool
  parallel_for((n + chunk - 1) / chunk, [&](int64_t i) {
    try {
      run_chunk(run, i * chunk, std::min(n, (i + 1) * chunk));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  });
  if (failed) throw std::bad_alloc();
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
  if (t.contiguous() && (t.shape() == shape || t.size() == numel(shape))) {
    lane.kind = Lane::Kind::Array;
    lane.read = true;
    return lane;
  }
  if (is_uniform(t)) {
    lane.kind = Lane::Kind::Uniform;
    return lane;
  }
  if (!t.contiguous() || t.rank() > shape.size()) return lane;
  int first = 0;  // axis that is not only there to be repeated
  while (first < t.rank() && t.shape()[first] == 1) ++first;
  for (int i = first; i < t.rank(); ++i)
    if (t.shape()[i] != shape[i + shape.size() - t.rank()]) return lane;
  lane.kind = Lane::Kind::Row;
  lane.period = t.size();
  return lane;
}

// ---- planning -----------------------------------------------------------------------------------------------------

ChainIndex ChainPlan::new_value(int made) {
  values_.push_back({made, kNotRead});
  return static_cast<ChainIndex>(values_.size() - 1);
}

ChainIndex ChainPlan::add(ChainStep s) {
  const auto step = static_cast<int>(steps_.size());
  for (const ChainIndex v : operands_of(s)) values_[v].last_use = step;
  s.out = new_value(step);
  steps_.push_back(s);
  return s.out;
}

int ChainPlan::place(std::span<const ChainIndex> outputs) {
  std::vector<ChainIndex> lane(values_.size(), 0);
  ChainIndex next = 1;
  for (size_t v = 1; v < values_.size(); ++v)
    if (values_[v].made == kNotMade) lane[v] = next++;
  for (const ChainIndex v : outputs) lane[v] = next++;
  const ChainIndex first = next;
  std::vector<ChainIndex> free;
  const auto take = [&] {
    if (free.empty()) free.push_back(next++);
    const ChainIndex taken = free.back();
    free.pop_back();
    return taken;
  };
  for (size_t i = 0; i < steps_.size(); ++i) {
    ChainStep& s = steps_[i];
    const ChainIndex made = s.out;
    // A result may take the place of an operand of its size.
    if (!lane[made] && s.kind == ChainStep::kLoad) lane[made] = take();
    for (ChainIndex* const operand : {&s.in[0], &s.in[1], &s.in[2], &s.g, &s.y}) {
      Value& v = values_[*operand];
      *operand = lane[*operand];
      if (*operand < first || v.last_use != static_cast<int>(i)) continue;
      free.push_back(*operand);
      v.last_use = kNotRead;  // given back once, also where a step reads it twice
    }
    if (!lane[made]) lane[made] = take();
    s.out = lane[made];
    if (s.out >= first && values_[made].last_use == kNotRead) free.push_back(s.out);
  }
  return next - first;
}

}  // namespace adcore
