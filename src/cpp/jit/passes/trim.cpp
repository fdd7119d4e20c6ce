#include "jit/passes/trim.h"

#include <algorithm>

#include "jit/passes/prune.h"
#include "jit/passes/rewrite.h"

namespace adcore {
namespace {

/// Which inputs the wanted outputs depend on. A carry that is read is wanted, too.
std::vector<bool> inputs_of(const Program& body, size_t carries, std::vector<bool>& wanted) {
  const auto statements = body.statements();
  constexpr size_t kNone = ~size_t{0};
  std::vector<size_t> maker(body.values().size(), kNone), input(body.values().size(), kNone);
  for (size_t k = 0; k < body.inputs().size(); ++k) input[body.inputs()[k]] = k;
  std::vector<bool> reads(body.inputs().size()), seen(body.values().size()), runs(statements.size());
  std::vector<uint32_t> found;
  const auto need = [&](uint32_t value) {
    if (!seen[value]) found.push_back(value);
    seen[value] = true;
  };
  const auto need_statement = [&](size_t i) {
    if (runs[i]) return;
    runs[i] = true;
    for (const Program::Use& use : body.uses_of(statements[i])) need(use.value);
  };
  for (size_t i = 0; i < statements.size(); ++i) {
    for (uint32_t j = 0; j < statements[i].op->outputs; ++j) maker[statements[i].out + j] = i;
    if (statements[i].op->checks) need_statement(i);
  }
  for (size_t j = 0; j < wanted.size(); ++j)
    if (wanted[j]) need(body.outputs()[j]);
  while (!found.empty()) {
    const uint32_t value = found.back();
    found.pop_back();
    if (maker[value] != kNone) need_statement(maker[value]);
    const size_t k = input[value];
    if (k == kNone) continue;
    reads[k] = true;
    if (k >= carries) continue;
    wanted[k] = true;
    need(body.outputs()[k]);
  }
  // A carry that is wanted but never read is still one: what is given before the first step has its shape.
  for (size_t k = 0; k < carries; ++k) reads[k] = wanted[k];
  return reads;
}

/// The program of some of its outputs and inputs.
Program left_of(const Program& body, const Trimmed& t) {
  const auto those = [](std::span<const uint32_t> values, const std::vector<bool>& stay) {
    std::vector<uint32_t> left;
    for (size_t k = 0; k < values.size(); ++k)
      if (stay[k]) left.push_back(values[k]);
    return left;
  };
  const auto copied = [](const Program& from, std::span<const uint32_t> inputs, std::span<const uint32_t> outputs) {
    Rewrite to(from, inputs);
    for (const Program::Statement& s : from.statements()) to.copy(s);
    return to.finish(outputs);
  };
  // Statements that read what goes must go before it.
  const Program pruned = prune(copied(body, body.inputs(), those(body.outputs(), t.outputs)));
  return copied(pruned, those(pruned.inputs(), t.inputs), pruned.outputs());
}

}  // namespace

Trimmed trim(const Program& body, const ScanAttrs& attrs, std::vector<bool> wanted) {
  const auto carries = static_cast<size_t>(attrs.carries), slices = static_cast<size_t>(attrs.slices);
  Trimmed t{inputs_of(body, carries, wanted), wanted, attrs, {}};
  if (std::ranges::all_of(t.inputs, std::identity()) && std::ranges::all_of(t.outputs, std::identity())) return t;
  const auto count = [&](size_t first, size_t n) {
    return std::count(t.inputs.begin() + static_cast<ptrdiff_t>(first),
                      t.inputs.begin() + static_cast<ptrdiff_t>(first + n), true);
  };
  t.attrs.carries = count(0, carries);
  t.attrs.slices = count(carries, slices);
  t.body = hold_body(left_of(body, t));
  return t;
}

}  // namespace adcore
