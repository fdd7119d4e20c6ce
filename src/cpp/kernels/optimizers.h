// Every optimizer's rule, once: what one step makes of a parameter, its gradient and its states.
//
// A row is the whole rule. From it come the kernels of both float types on every instruction set (optim.cpp), the op with
// its derivatives of every order, its batch rule and its checks (ops/optim.cpp), the step of all Parameters in one call
// and the step of plain tensors (python/optimizer.cpp).
//
//   optimizer<states>(name, {numbers, settings, ...}, scalars, update)
//
// scalars(n, t, s)  what the elements share. n: the numbers, of which n[0] is the learning rate and n[1] the weight decay,
//                   the others the rule's own; t: the step, the first is 1; s: the settings. Computed in double and
//                   rounded once, to the type of the parameter. Returns values(...).
// update(x, c, s)   element by element; x.p, x.g and x.state[j] are what was before, c is what `scalars` returned.
//                   Returns values(the new parameter, the new states...).
//
// Settings never change: doubles, or flags that are 0 or 1; they come as the parameter's type rounds them, so that
// 1 - beta2 is what it is in the averages. Numbers may be tensors with a derivative. Both texts are generic: they are run
// on doubles and packs, and on symbols, from which the derivatives come. Choose with select() where a number decides, with
// `?` where a setting does. root(v) is the square root whose derivative is 0 at 0.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/formula.h"

namespace adcore {

template <class V, int Count>
struct Values {
  static constexpr int kCount = Count;
  V v[Count];
  [[gnu::always_inline]] const V& operator[](int i) const { return v[i]; }
};
template <class V, class... More>
[[gnu::always_inline]] inline Values<V, 1 + static_cast<int>(sizeof...(More))> values(const V& first,
                                                                                      const More&... more) {
  return {{first, more...}};
}

/// What a step finds of one element, or of a pack of them.
template <class V, int States>
struct Before {
  V p, g;
  V state[States > 0 ? States : 1];
};

inline constexpr int kMaxOptimizerStates = 3, kMaxOptimizerNumbers = 3, kMaxOptimizerSettings = 6;
using OptimizerSettings = Values<double, kMaxOptimizerSettings>;

struct OptimizerFacts {
  int numbers = 2;      // learning rate, weight decay and the rule's own
  int settings = 0;     // what never changes
  bool counts = false;  // t is read
  std::string_view stateless =
      {};  // the rule that it comes to where its third number is 0: the states stay as they are
};

template <int States, class Scalars, class Update>
struct Optimizer {
  static constexpr int kStates = States;
  std::string_view name;
  OptimizerFacts facts;
  Scalars scalars;
  Update update;
};
template <int States, class Scalars, class Update>
constexpr Optimizer<States, Scalars, Update> optimizer(std::string_view name, OptimizerFacts facts, Scalars scalars,
                                                       Update update) {
  static_assert(States <= kMaxOptimizerStates);
  return {name, facts, scalars, update};
}

namespace optimizer_parts {

inline double select(bool mask, double a, double b) { return mask ? a : b; }
inline double max(double a, double b) { return a > b ? a : b; }
using std::pow;
using std::sqrt;

inline constexpr auto rate_and_decay = [](auto n, auto, auto) { return values(n[0], n[1]); };

/// A moving average, moved on.
template <class V>
[[gnu::always_inline]] inline V average(const V& old, double beta, const V& value) {
  return beta * old + (1.0 - beta) * value;
}
/// What the average of t values lacks, starting from zero.
template <class S>
S lack(double beta, const S& t) {
  return 1.0 - pow(beta, t);
}
/// The mean that Adam steps along.
template <class V>
[[gnu::always_inline]] inline V adam_mean(const V& m, const V& g, double beta1, bool nesterov) {
  return nesterov ? average(m, beta1, g) : m;
}
/// v to a power above 0, with the derivative 0 at 0.
template <class V>
[[gnu::always_inline]] inline V power(const V& v, double exponent) {
  if (exponent == 0.5) return root(v);
  const auto none = v == 0.0;
  return select(none, 0.0, pow(select(none, 1.0, v), exponent));
}

// Kingma and Ba 2015; settings: beta1, beta2, eps, nesterov. What the averages lack is one factor of the rate.
inline constexpr auto adam_scalars = [](auto n, auto t, auto s) {
  return values(n[0] * sqrt(lack(s[1], t)) / lack(s[0], t), n[1]);
};
// Loshchilov and Hutter 2019; settings: beta1, beta2, eps. eps stands beside the corrected root.
inline constexpr auto adamw_scalars = [](auto n, auto t, auto s) {
  const auto lacking = sqrt(lack(s[1], t));
  return values(n[0] * lacking / lack(s[0], t), n[0] * n[1], s[2] * lacking);
};

}  // namespace optimizer_parts

inline constexpr auto kOptimizers = [] {
  using namespace optimizer_parts;
  return rows_of(
      optimizer<0>("sgd_plain", {}, rate_and_decay,
                   [](auto x, auto c, auto) { return values(x.p - c[0] * (x.g + c[1] * x.p)); }),

      // The third number is the momentum; where that is 0, the state is not used and stays as it is. Settings: dampening,
      // nesterov. The first step does not read the state.
      optimizer<1>(
          "sgd", {.numbers = 3, .settings = 2, .counts = true, .stateless = "sgd_plain"},
          [](auto n, auto t, auto) { return values(n[0], n[1], n[2], t); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto moved = select(c[3] == 1.0, g, c[2] * x.state[0] + (1.0 - s[0]) * g);
            const auto step = s[1] != 0 ? g + c[2] * moved : moved;
            const auto idle = c[2] == 0.0;
            return values(x.p - c[0] * select(idle, g, step), select(idle, x.state[0], moved));
          }),

      // Sutskever et al. 2013. The third number is the momentum; setting: nesterov.
      optimizer<1>(
          "momentum", {.numbers = 3, .settings = 1}, [](auto n, auto, auto) { return values(n[0], n[1], n[2]); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto moved = c[2] * x.state[0] + g;
            return values(x.p - c[0] * (s[0] != 0 ? g + c[2] * moved : moved), moved);
          }),

      optimizer<2>("adam", {.settings = 4, .counts = true}, adam_scalars,
                   [](auto x, auto c, auto s) {
                     const auto g = x.g + c[1] * x.p;
                     const auto m = average(x.state[0], s[0], g), v = average(x.state[1], s[1], g * g);
                     return values(x.p - c[0] * adam_mean(m, g, s[0], s[3] != 0) / (root(v) + s[2]), m, v);
                   }),
      // Reddi, Kale and Kumar 2018: the third state is the largest average of squares so far.
      optimizer<3>("adam_amsgrad", {.settings = 4, .counts = true}, adam_scalars,
                   [](auto x, auto c, auto s) {
                     const auto g = x.g + c[1] * x.p;
                     const auto m = average(x.state[0], s[0], g), v = average(x.state[1], s[1], g * g);
                     const auto top = max(x.state[2], v);
                     return values(x.p - c[0] * adam_mean(m, g, s[0], s[3] != 0) / (root(top) + s[2]), m, v, top);
                   }),

      // MindSpore's: without correction. Settings: beta1, beta2, eps.
      optimizer<2>("adam_weight_decay", {.settings = 3}, rate_and_decay,
                   [](auto x, auto c, auto s) {
                     const auto m = average(x.state[0], s[0], x.g), v = average(x.state[1], s[1], x.g * x.g);
                     return values(x.p - c[0] * (m / (root(v) + s[2]) + c[1] * x.p), m, v);
                   }),

      optimizer<2>("adamw", {.settings = 3, .counts = true}, adamw_scalars,
                   [](auto x, auto c, auto s) {
                     const auto m = average(x.state[0], s[0], x.g), v = average(x.state[1], s[1], x.g * x.g);
                     return values(x.p - (c[1] * x.p + c[0] * m / (root(v) + c[2])), m, v);
                   }),
      optimizer<3>("adamw_amsgrad", {.settings = 3, .counts = true}, adamw_scalars,
                   [](auto x, auto c, auto s) {
                     const auto m = average(x.state[0], s[0], x.g), v = average(x.state[1], s[1], x.g * x.g);
                     const auto top = max(x.state[2], v);
                     return values(x.p - (c[1] * x.p + c[0] * m / (root(top) + c[2])), m, v, top);
                   }),

      // Kingma and Ba 2015, section 7.1: the second state is the decaying maximum. Settings: beta1, beta2, eps.
      optimizer<2>(
          "adamax", {.settings = 3, .counts = true},
          [](auto n, auto t, auto s) { return values(n[0] / lack(s[0], t), n[1]); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto m = average(x.state[0], s[0], g), u = max(s[1] * x.state[1], abs(g));
            return values(x.p - c[0] * m / (u + s[2]), m, u);
          }),

      // Dozat 2016, as PyTorch has it. The third number is the product of the momenta so far; settings: beta1, beta2, eps,
      // momentum_decay.
      optimizer<2>(
          "nadam", {.numbers = 3, .settings = 4, .counts = true},
          [](auto n, auto t, auto s) {
            const auto now = s[0] * (1.0 - 0.5 * pow(0.96, s[3] * t));
            const auto next = s[0] * (1.0 - 0.5 * pow(0.96, s[3] * (t + 1.0)));
            const auto product = n[2] * now, lacking = sqrt(lack(s[1], t));
            return values(n[0] * lacking * (1.0 - now) / (1.0 - product), n[1],
                          n[0] * lacking * next / (1.0 - product * next), s[2] * lacking);
          },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto m = average(x.state[0], s[0], g), v = average(x.state[1], s[1], g * g);
            return values(x.p - (c[0] * g + c[2] * m) / (root(v) + c[3]), m, v);
          }),

      // Liu et al. 2020; settings: beta1, beta2, eps. As long as the variance is unknown, a step along the mean.
      optimizer<2>(
          "radam", {.settings = 3, .counts = true},
          [](auto n, auto t, auto s) {
            const double limit = 2.0 / (1.0 - s[1]) - 1.0;
            const auto missing = lack(s[1], t), length = limit - 2.0 * t * (1.0 - missing) / missing;
            const auto known = length > 5.0;
            const auto r = select(known, length, 6.0);
            const auto squared = (r - 4.0) * (r - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * r);
            const auto rate = n[0] / lack(s[0], t);
            return values(select(known, rate * sqrt(select(known, squared * missing, 1.0)), rate), n[1],
                          select(known, 1.0, 0.0));
          },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto m = average(x.state[0], s[0], g), v = average(x.state[1], s[1], g * g);
            return values(x.p - c[0] * select(c[2] == 1.0, m / (root(v) + s[2]), m), m, v);
          }),

      // You et al. 2020; settings: beta1, beta2, eps. In the place of the new parameter stands the direction, which is
      // scaled by the norms of the whole parameter and of itself.
      optimizer<2>(
          "lamb_direction", {.settings = 3, .counts = true},
          [](auto n, auto t, auto s) {
            const auto lacking = sqrt(lack(s[1], t));
            return values(lacking / lack(s[0], t), n[1], s[2] * lacking);
          },
          [](auto x, auto c, auto s) {
            const auto m = average(x.state[0], s[0], x.g), v = average(x.state[1], s[1], x.g * x.g);
            return values(c[0] * m / (root(v) + c[2]) + c[1] * x.p, m, v);
          }),

      // Chen et al. 2023; settings: beta1, beta2.
      optimizer<1>("lion", {.settings = 2}, rate_and_decay,
                   [](auto x, auto c, auto s) {
                     const auto m = average(x.state[0], s[0], x.g);
                     return values(x.p - c[0] * (sign(m) + c[1] * x.p), average(x.state[0], s[1], x.g));
                   }),

      // Tieleman and Hinton 2012. States: the average of squares, the step. The third number is the momentum; settings:
      // decay, eps.
      optimizer<2>(
          "rmsprop", {.numbers = 3, .settings = 2}, [](auto n, auto, auto) { return values(n[0], n[1], n[2]); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto v = average(x.state[0], s[0], g * g);
            const auto step = c[2] * x.state[1] + c[0] * g / root(v + s[1]);
            return values(x.p - step, v, step);
          }),
      // Graves 2013: around the average of the gradients, which is the third state.
      optimizer<3>(
          "rmsprop_centered", {.numbers = 3, .settings = 2},
          [](auto n, auto, auto) { return values(n[0], n[1], n[2]); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto v = average(x.state[0], s[0], g * g), m = average(x.state[2], s[0], g);
            const auto step = c[2] * x.state[1] + c[0] * g / root(v - m * m + s[1]);
            return values(x.p - step, v, step, m);
          }),

      // Duchi, Hazan and Singer 2011; setting: whether the sum of squares grows. No step where there is no sum yet.
      optimizer<1>("adagrad", {.settings = 1}, rate_and_decay,
                   [](auto x, auto c, auto s) {
                     const auto g = x.g + c[1] * x.p;
                     const auto sum = s[0] != 0 ? x.state[0] + g * g : x.state[0];
                     const auto none = sum == 0.0;
                     return values(x.p - select(none, 0.0, c[0] * g / root(select(none, 1.0, sum))), sum);
                   }),

      // Zeiler 2012; settings: rho, eps.
      optimizer<2>("adadelta", {.settings = 2}, rate_and_decay,
                   [](auto x, auto c, auto s) {
                     const auto g = x.g + c[1] * x.p;
                     const auto v = average(x.state[0], s[0], g * g);
                     const auto step = root(x.state[1] + s[1]) / root(v + s[1]) * g;
                     return values(x.p - c[0] * step, v, average(x.state[1], s[0], step * step));
                   }),

      // Riedmiller and Braun 1993. States: the last gradient, the step's size, which starts as the rate. Settings: what a
      // size shrinks and grows by, the least and the greatest. Where the sign turns, the step is left out and forgotten.
      optimizer<2>(
          "rprop", {.settings = 4, .counts = true}, [](auto n, auto t, auto) { return values(n[0], n[1], t); },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p, agree = g * x.state[0];
            const auto size = select(c[2] == 1.0, c[0], x.state[1]);
            const auto turned = agree < 0.0;
            const auto changed = select(turned, s[0] * size, select(agree > 0.0, s[1] * size, size));
            const auto kept = select(turned, 0.0, g);
            const auto above = select(changed < s[2], s[2], changed), step = select(above > s[3], s[3], above);
            return values(x.p - select(kept > 0.0, step, select(kept < 0.0, -step, kept)), kept, step);
          }),

      // Polyak and Juditsky 1992, as Bottou has it. The state is the average of the parameters; settings: lambda, alpha,
      // t0. The rate decays from the second step, the average begins after t0 steps.
      optimizer<1>(
          "asgd", {.settings = 3, .counts = true},
          [](auto n, auto t, auto s) {
            const auto rate = n[0] / pow(1.0 + s[0] * n[0] * (t - 1.0), s[1]);
            return values(rate, n[1], s[0] * rate, 1.0 / max(t - 1.0 - s[2], 1.0));
          },
          [](auto x, auto c, auto) {
            const auto g = x.g + c[1] * x.p;
            const auto p = x.p - (c[2] * x.p + c[0] * g);
            return values(p, select(c[3] == 1.0, p, x.state[0] + c[3] * (p - x.state[0])));
          }),

      // McMahan et al. 2013. States: the sum of squares, the linear term. Settings: the exponent of the sum, l1, l2. At a
      // rate of 0 all stays as it is.
      optimizer<2>(
          "ftrl", {.settings = 3},
          [](auto n, auto, auto) {
            return values(select(n[0] == 0.0, 1.0, n[0]), n[1], select(n[0] == 0.0, 1.0, 0.0));
          },
          [](auto x, auto c, auto s) {
            const auto g = x.g + c[1] * x.p;
            const auto sum = x.state[0] + g * g;
            const auto now = s[0] == 0 ? 0.0 * sum + 1.0 : power(sum, s[0]);
            const auto before = s[0] == 0 ? 0.0 * sum + 1.0 : power(x.state[0], s[0]);
            const auto line = x.state[1] + g - (now - before) / c[0] * x.p;
            const auto pull = select(line > 0.0, line - s[1], line + s[1]);
            const auto rests = abs(line) <= s[1], idle = c[2] == 1.0;
            const auto width = now / c[0] + 2.0 * s[2];
            const auto moved = select(rests, 0.0, -pull / select(rests, 1.0, width));
            return values(select(idle, x.p, moved), select(idle, x.state[0], sum), select(idle, x.state[1], line));
          }));
}();

inline constexpr int kOptimizerCount = decltype(kOptimizers)::kCount;

/// The row called `name`, or -1.
constexpr int optimizer_index(std::string_view name) {
  int found = -1, i = 0;
  kOptimizers.apply([&](const auto&... row) { ((row.name == name ? found = i : 0, ++i), ...); });
  return found;
}

}  // namespace adcore
