// FusedWords: the head, the numbers, the reductions, the steps. Start reading at fused_run().
#include "ops/fused.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/reuse.h"
#include "core/pullback.h"
#include "kernels/joined.h"
#include "ops/functions.h"

namespace adcore {
namespace {

struct Head {
  uint8_t dtype;
  uint8_t outputs;     // arrays
  uint8_t reductions;  // outputs behind them
  uint8_t windows;     // lanes
  uint16_t masks;      // bit j: output j is bool
  uint16_t scratch;    // lanes
  int64_t numbers;     // one word each, which begins with the element
};
static_assert(sizeof(Head) == 2 * sizeof(int64_t));

struct Reducing {
  uint16_t row;
  ChainIndex in;  // lane
  uint16_t mask;  // of axes
  uint16_t keep;
  double p;
};
static_assert(sizeof(Reducing) == 2 * sizeof(int64_t) && kMaxRank <= 16);

/// A reader of the words.
struct FusedWords {
  explicit FusedWords(const Attrs& attrs) : words(attrs.words()), count(attrs.count()) {
    std::memcpy(&head, words, sizeof head);
  }
  DType dtype() const { return static_cast<DType>(head.dtype); }
  const int64_t* numbers() const { return words + 2; }
  std::span<const Reducing> reductions() const {
    return {reinterpret_cast<const Reducing*>(numbers() + head.numbers), head.reductions};
  }
  std::span<const ChainStep> steps() const {
    const auto* const first = reinterpret_cast<const int64_t*>(reductions().data() + head.reductions);
    return {reinterpret_cast<const ChainStep*>(first), static_cast<size_t>(words + count - first) / 2};
  }

  const int64_t* words;
  int count;
  Head head;
};

/// The shape of the arrays.
Dims common_shape(const Call& call) {
  Dims shape;
  for (int k = 0; k < call.count; ++k) {
    const Dims& other = call.in(k).shape();
    if (other.empty() || other == shape) continue;
    shape = shape.empty() ? other : broadcast(call.op.name, shape, other);
  }
  return shape;
}

void fused_infer(Call& call) {
  const FusedWords w(call.attrs);
  const Dims shape = common_shape(call);
  Tensor* out = call.out;
  for (int j = 0; j < w.head.outputs; ++j, ++out)
    out->set_shape(shape, w.head.masks >> j & 1 ? DType::Bool : w.dtype());
  for (const Reducing& r : w.reductions()) out++->set_shape(reduced_shape(shape, r.mask, r.keep != 0), w.dtype());
}

int64_t fused_work(const Call& call) {
  int64_t n = call.out->size();
  for (int k = 0; k < call.count; ++k) n = std::max(n, call.in(k).size());
  return n * static_cast<int64_t>(FusedWords(call.attrs).steps().size()) * 2;
}

/// Elements that a reduction of these axes makes one of; 0 where they are not the last ones.
int64_t group_of(const Dims& shape, uint32_t mask) noexcept {
  int first = 0;
  while (first < shape.size() && !(mask >> first & 1)) ++first;
  int64_t n = 1;
  for (int i = first; i < shape.size(); ++i) {
    if (!(mask >> i & 1) && shape[i] != 1) return 0;
    n *= shape[i];
  }
  return n;
}

/// The lanes of a call, and the copies that some of them are.
struct Laid {
  std::vector<Lane> lanes;
  std::vector<Tensor> copies;
  std::vector<ChainReduction> reductions;

  void clear() noexcept {
    forget(lanes);
    forget(copies);
    forget(reductions);
  }
};

void add_operand(Laid& laid, const Tensor& t, const Dims& shape) {
  Lane lane = lane_of(t, shape);
  if (lane.kind == Lane::Kind::Scratch) lane = lane_of(laid.copies.emplace_back(as_contiguous(t)), shape);
  if (lane.kind == Lane::Kind::Scratch)
    lane = lane_of(laid.copies.emplace_back(as_contiguous(broadcast_to(t.detached(), shape))), shape);
  if (lane.kind == Lane::Kind::Uniform && t.size() != 1) {  // which steps do not know
    lane.kind = Lane::Kind::Row;
    lane.period = 1;
  }
  laid.lanes.push_back(lane);
}

/// Small arrays: one block, for which there is nothing to look up but where the values are. False, and nothing is done,
/// where that is not so simple.
bool run_small(const Call& call, const FusedWords& w) {
  constexpr int64_t kMostLanes = 64, kMemory = 4 * 1024, kAlignment = 64;
  const Head& head = w.head;
  const int64_t n = head.outputs ? call.out->size() : numel(common_shape(call));
  const auto size = static_cast<int64_t>(size_of(w.dtype()));
  const int64_t bytes = (n * size + kAlignment - 1) / kAlignment * kAlignment, own = head.windows + head.scratch;
  if (n * size > kChainBlock || (own + 1) * bytes > kMemory ||
      1 + call.count + head.numbers + head.outputs + own > kMostLanes)
    return false;
  alignas(kAlignment) std::byte memory[kMemory];
  std::memset(memory, 0, kAlignment);
  std::byte* at[kMostLanes];
  std::byte** next = at;
  *next++ = memory;  // what no step means
  const auto lie = [&](const void* p) { *next++ = static_cast<std::byte*>(const_cast<void*>(p)); };
  for (int k = 0; k < call.count; ++k) {
    const Tensor& t = call.in(k);
    if (t.size() != 1 && (t.size() != n || !t.contiguous())) return false;
    lie(t.data());
  }
  for (int64_t i = 0; i < head.numbers; ++i) lie(w.numbers() + i);
  for (int j = 0; j < head.outputs; ++j) lie(call.out[j].data());
  for (int64_t i = 1; i <= own; ++i) lie(memory + i * bytes);
  run_chain_block(w.dtype(), w.steps(), at, n);
  const auto compute = static_cast<size_t>(compute_of(w.dtype()));
  const Tensor* out = call.out + head.outputs;
  for (const Reducing& r : w.reductions()) {
    const int64_t groups = out->size();
    void* const y = const_cast<void*>(out++->data());
    kernels().reductions[r.row].run[compute]({at[r.in], y, groups, n / groups, 1, r.p, nullptr});
  }
  return true;
}

void fused_run(Call& call) {
  const FusedWords w(call.attrs);
  if (run_small(call, w)) return;
  const Reused<Laid> laid;
  std::vector<Lane>& lanes = laid->lanes;
  const Dims shape = w.head.outputs ? call.out->shape() : common_shape(call);
  lanes.emplace_back();
  for (int k = 0; k < call.count; ++k) add_operand(*laid, call.in(k), shape);
  for (int i = 0; i < w.head.numbers; ++i) {
    Lane& lane = lanes.emplace_back();
    lane.kind = Lane::Kind::Uniform;
    lane.data = reinterpret_cast<std::byte*>(const_cast<int64_t*>(w.numbers() + i));
    lane.dtype = w.dtype();
  }
  for (int j = 0; j < w.head.outputs; ++j) {
    Lane& lane = lanes.emplace_back();
    lane.kind = Lane::Kind::Array;
    lane.data = static_cast<std::byte*>(call.out[j].mutable_data());
    lane.dtype = call.out[j].dtype();
  }
  Lane own;
  own.dtype = w.dtype();
  own.kind = Lane::Kind::Window;
  lanes.resize(lanes.size() + w.head.windows, own);
  own.kind = Lane::Kind::Scratch;
  lanes.resize(lanes.size() + w.head.scratch, own);
  int64_t group = 1;
  Tensor* out = call.out + w.head.outputs;
  for (const Reducing& r : w.reductions()) {
    laid->reductions.push_back({r.row, r.in, r.p, static_cast<std::byte*>(out++->mutable_data())});
    group = group_of(shape, r.mask);
  }
  run_chain(w.dtype(), w.steps(), lanes, numel(shape), laid->reductions, group);
}

void fused_vjp(Pullback&) {
  fail(ErrorKind::Runtime, "fused: stands in programs that have been compiled, and has no derivative.");
}

constexpr auto kNames = [] {
  std::array<std::array<char, 8>, kMostFusedOutputs> names{};
  for (int i = 0; i < kMostFusedOutputs; ++i) {
    const int n = i + 1;
    names[static_cast<size_t>(i)] = {'f', 'u', 's', 'e', 'd'};
    size_t at = 5;
    if (n >= 10) names[static_cast<size_t>(i)][at++] = static_cast<char>('0' + n / 10);
    names[static_cast<size_t>(i)][at] = static_cast<char>('0' + n % 10);
  }
  return names;
}();

const auto kOps = []<size_t... I>(std::index_sequence<I...>) {
  return std::array{Op{.name = kNames[I].data(),
                       .kind = OpKind::Custom,
                       .infer = fused_infer,
                       .run = fused_run,
                       .vjp = fused_vjp,
                       .outputs = I + 1,
                       .visible = I + 1,
                       .work = fused_work}...};
}(std::make_index_sequence<kMostFusedOutputs>());

}  // namespace

const Op& fused_op(int outputs) noexcept { return kOps[static_cast<size_t>(outputs - 1)]; }

std::vector<FusedStep> fused_steps(const Op& op, Attrs attrs, int operands) {
  using Value = FusedStep::Value;
  std::vector<FusedStep> steps;
  if (op.run != fused_run) return steps;
  const FusedWords w(attrs);
  const auto value = [&](ChainIndex lane) -> Value {
    int i = lane - 1;
    if (i < operands) return {Value::Kind::Operand, i, 0};
    i -= operands;
    const auto numbers = static_cast<int>(w.head.numbers);
    if (i < numbers) {
      float single;
      double number;
      std::memcpy(&single, w.numbers() + i, sizeof single);
      std::memcpy(&number, w.numbers() + i, sizeof number);
      return {Value::Kind::Number, i, w.dtype() == DType::Float32 ? static_cast<double>(single) : number};
    }
    i -= numbers;
    if (i < w.head.outputs) return {Value::Kind::Output, i, 0};
    return {Value::Kind::Scratch, i - w.head.outputs, 0};
  };
  const auto add = [&](std::string kernel, std::initializer_list<ChainIndex> lanes, Value result) {
    FusedStep& step = steps.emplace_back(FusedStep{std::move(kernel), {}, result});
    for (const ChainIndex lane : lanes)
      if (lane != 0) step.operands.push_back(value(lane));
  };
  for (const ChainStep& s : w.steps()) {
    const auto row_name = [](int row) { return std::string(elementwise_op(row).name); };
    switch (s.kind) {
      case ChainStep::kMap: add(row_name(s.row), {s.in[0], s.in[1], s.in[2]}, value(s.out)); break;
      case ChainStep::kLoad: add("load", {s.in[0]}, value(s.out)); break;
      case ChainStep::kJoint:
        add(std::string(kJointRows[s.row]), {s.in[0]}, value(s.out));
        add(std::string(kJointRows[s.row]) + ".slope", {s.in[0]}, value(s.y));
        break;
      case ChainStep::kPair: {
        const RowPair pair = pair_at(s.row);
        const Value made{Value::Kind::Register, 0, 0};
        add(row_name(pair.first), {s.in[0], s.in[1]}, made);
        add(row_name(pair.second), {s.in[2]}, value(s.out));
        std::vector<Value>& operands = steps.back().operands;
        operands.insert(pair.behind ? operands.end() : operands.begin(), made);
        break;
      }
      default:
        add(row_name(s.row) + text(".partial", s.kind - ChainStep::kPartial0), {s.g, s.in[0], s.in[1], s.in[2], s.y},
            value(s.out));
    }
  }
  int output = w.head.outputs;
  for (const Reducing& r : w.reductions())
    steps.push_back({std::string(reduction_name(r.row)), {value(r.in)}, {Value::Kind::Output, output++, 0}});
  return steps;
}

int64_t fusable_group(const ReductionOf& reduction, const Dims& shape) noexcept {
  const bool in_parts = kernels().reductions[reduction.row].parts[0].part;
  return in_parts ? group_of(shape, reduction.mask) : 0;
}

std::vector<int64_t> words_of(const FusedCall& call) {
  ChainPlan& plan = call.plan;
  std::vector<ChainIndex> placed(call.outputs.begin(), call.outputs.end());
  for (const FusedReduction& r : call.reductions)
    if (!plan.is_input(r.value) && std::ranges::find(placed, r.value) == placed.end()) placed.push_back(r.value);
  Head head{};
  head.dtype = static_cast<uint8_t>(call.dtype);
  head.outputs = static_cast<uint8_t>(call.outputs.size());
  head.reductions = static_cast<uint8_t>(call.reductions.size());
  head.windows = static_cast<uint8_t>(placed.size() - call.outputs.size());
  head.masks = static_cast<uint16_t>(call.masks);
  head.numbers = static_cast<int64_t>(call.numbers.size());
  if (!call.single) plan.pair(placed);
  head.scratch = static_cast<uint16_t>(plan.place(placed));

  std::vector<int64_t> words;
  const auto append = [&](const void* data, size_t bytes) {
    const size_t at = words.size();
    words.resize(at + (bytes + sizeof(int64_t) - 1) / sizeof(int64_t));
    std::memcpy(&words[at], data, bytes);
  };
  append(&head, sizeof head);
  for (const double number : call.numbers) {
    const auto narrow = static_cast<float>(number);
    call.dtype == DType::Float32 ? append(&narrow, sizeof narrow) : append(&number, sizeof number);
  }
  for (const FusedReduction& r : call.reductions) {
    const Reducing reducing{static_cast<uint16_t>(r.what.row), plan.lane(r.value), static_cast<uint16_t>(r.what.mask),
                            r.what.keep, r.what.p};
    append(&reducing, sizeof reducing);
  }
  for (const ChainStep& s : plan.steps()) append(&s, sizeof s);
  return words;
}

}  // namespace adcore
