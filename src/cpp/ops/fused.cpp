// Words: the head, the numbers, the steps. Start reading at fused_run().
#include "ops/fused.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/reuse.h"
#include "core/pullback.h"
#include "ops/functions.h"

namespace adcore {
namespace {

struct Head {
  uint8_t dtype;
  uint8_t outputs;
  uint16_t masks;    // bit j: output j is bool
  uint16_t numbers;  // one word each, which begins with the element
  uint16_t scratch;  // lanes
};
static_assert(sizeof(Head) == sizeof(int64_t));

/// A reader of the words.
struct FusedWords {
  explicit FusedWords(const Attrs& attrs) : words(attrs.words()), count(attrs.count()) {
    std::memcpy(&head, words, sizeof head);
  }
  DType dtype() const { return static_cast<DType>(head.dtype); }
  const int64_t* numbers() const { return words + 1; }
  std::span<const ChainStep> steps() const {
    const int64_t* const first = words + 1 + head.numbers;
    return {reinterpret_cast<const ChainStep*>(first), static_cast<size_t>(words + count - first) / 2};
  }

  const int64_t* words;
  int count;
  Head head;
};

void fused_infer(Call& call) {
  const FusedWords w(call.attrs);
  Dims shape;
  for (int k = 0; k < call.count; ++k) {
    const Dims& other = call.in(k).shape();
    if (other.empty() || other == shape) continue;
    shape = shape.empty() ? other : broadcast(call.op.name, shape, other);
  }
  for (int j = 0; j < w.head.outputs; ++j) {
    const bool mask = w.head.masks >> j & 1;
    call.out[j].set_shape(shape, mask ? DType::Bool : w.dtype());
  }
}

int64_t fused_work(const Call& call) {
  return call.out->size() * static_cast<int64_t>(FusedWords(call.attrs).steps().size()) * 2;
}

/// The lanes of a call, and the copies that some of them are.
struct Laid {
  std::vector<Lane> lanes;
  std::vector<Tensor> copies;

  void clear() noexcept {
    forget(lanes);
    forget(copies);
  }
};

void add_operand(Laid& laid, const Tensor& t, const Dims& shape) {
  Lane lane = lane_of(t, shape);
  if (lane.kind == Lane::Kind::Scratch) lane = lane_of(laid.copies.emplace_back(as_contiguous(t)), shape);
  if (lane.kind == Lane::Kind::Scratch)
    lane = lane_of(laid.copies.emplace_back(as_contiguous(broadcast_to(t.detached(), shape))), shape);
  laid.lanes.push_back(lane);
}

void fused_run(Call& call) {
  const FusedWords w(call.attrs);
  const Reused<Laid> laid;
  std::vector<Lane>& lanes = laid->lanes;
  lanes.emplace_back();
  for (int k = 0; k < call.count; ++k) add_operand(*laid, call.in(k), call.out->shape());
  for (int i = 0; i < w.head.numbers; ++i) {
    Lane& lane = lanes.emplace_back();
    lane.kind = Lane::Kind::Uniform;
    lane.data = reinterpret_cast<std::byte*>(const_cast<int64_t*>(w.numbers() + i));
    lane.dtype = w.dtype();
  }
  const size_t inputs = lanes.size();
  for (int j = 0; j < w.head.outputs; ++j) {
    Lane& lane = lanes.emplace_back();
    lane.kind = Lane::Kind::Array;
    lane.data = static_cast<std::byte*>(call.out[j].mutable_data());
    lane.dtype = call.out[j].dtype();
  }
  Lane scratch;
  scratch.dtype = DType::Bool;  // only a mask in scratch memory is loaded
  lanes.resize(lanes.size() + w.head.scratch, scratch);
  // A kernel reads the result element by element.
  for (const ChainStep& s : w.steps()) {
    Lane& y = lanes[s.y];
    if (s.y == 0 || s.y >= inputs || y.kind != Lane::Kind::Uniform) continue;
    y.kind = Lane::Kind::Row;
    y.period = 1;
  }
  run_chain(w.dtype(), w.steps(), lanes, call.out->size());
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
    if ((i -= operands) < w.head.numbers) {
      float single;
      double number;
      std::memcpy(&single, w.numbers() + i, sizeof single);
      std::memcpy(&number, w.numbers() + i, sizeof number);
      return {Value::Kind::Number, i, w.dtype() == DType::Float32 ? static_cast<double>(single) : number};
    }
    if ((i -= w.head.numbers) < w.head.outputs) return {Value::Kind::Output, i, 0};
    return {Value::Kind::Scratch, i - w.head.outputs, 0};
  };
  for (const ChainStep& s : w.steps()) {
    FusedStep step{s.kind == ChainStep::kLoad ? "load" : elementwise_op(s.row).name, {}, value(s.out)};
    if (s.is_partial()) {
      step.kernel += text(".partial", s.kind - ChainStep::kPartial0);
      step.operands.push_back(value(s.g));
    }
    for (const ChainIndex lane : s.in)
      if (lane != 0) step.operands.push_back(value(lane));
    if (s.y != 0) step.operands.push_back(value(s.y));
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<int64_t> fused_words(DType dtype, ChainPlan& plan, std::span<const double> numbers,
                                 std::span<const ChainIndex> outputs, uint32_t masks) {
  Head head{static_cast<uint8_t>(dtype), static_cast<uint8_t>(outputs.size()), static_cast<uint16_t>(masks),
            static_cast<uint16_t>(numbers.size()), 0};
  head.scratch = static_cast<uint16_t>(plan.place(outputs));
  std::vector<int64_t> words(1 + numbers.size() + 2 * plan.steps().size());
  std::memcpy(words.data(), &head, sizeof head);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (dtype == DType::Float32) {
      const auto x = static_cast<float>(numbers[i]);
      std::memcpy(&words[1 + i], &x, sizeof x);
    } else {
      std::memcpy(&words[1 + i], &numbers[i], sizeof(double));
    }
  }
  std::memcpy(words.data() + 1 + numbers.size(), plan.steps().data(), plan.steps().size_bytes());
  return words;
}

}  // namespace adcore
