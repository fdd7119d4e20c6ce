#include "ops/partial.h"

#include <array>
#include <type_traits>

#include "kernels/kernels.h"

namespace adcore {
namespace {

using Rules = std::array<PartialRule, kMaxArity>;

template <class P>
constexpr PartialRule rule_of(const P&) {
  if constexpr (P::kNeeds != 0) {
    return {PartialRule::Kind::Kernel, P::kNeeds};
  } else {
    using Value = decltype(std::declval<const P&>().f());
    if constexpr (std::is_same_v<Value, One>) return {PartialRule::Kind::One, 0};
    if constexpr (std::is_same_v<Value, MinusOne>) return {PartialRule::Kind::MinusOne, 0};
    static_assert(std::is_same_v<Value, One> || std::is_same_v<Value, MinusOne> || std::is_same_v<Value, Zero>);
    return {};
  }
}

constexpr auto kRules = std::apply(
    [](const auto&... rows) {
      const auto rules = [](const auto& row) {
        Rules r{};
        size_t k = 0;
        std::apply([&](const auto&... partial) { ((r[k++] = rule_of(partial)), ...); }, row.partials);
        return r;
      };
      return std::array{rules(rows)...};
    },
    kFormulas);

constexpr auto kTypes = std::apply([](const auto&... rows) { return std::array{rows.types...}; }, kFormulas);

}  // namespace

PartialRule partial_rule(int row, int input) noexcept {
  return kRules[static_cast<size_t>(row)][static_cast<size_t>(input)];
}

bool takes_condition(int row) noexcept { return kTypes[static_cast<size_t>(row)] == Types::Select; }

}  // namespace adcore
