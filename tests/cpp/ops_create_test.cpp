// Tensors out of nothing: constants, sequences through the table of functions, random numbers and their state.
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "kernel_cases.h"
#include "ops/random.h"
#include "ops/table.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

enum class Side : int64_t { Left, Right };

}  // namespace

template <>
struct WordsOf<Side> {
  static constexpr std::string_view kName = "Side", kWords[] = {"left", "right"};
};

namespace {

using namespace testing;

std::vector<const Function*> all_functions() {
  std::vector<const Function*> all;
  for (const Family& family : families())
    for (const Function& f : family.functions) all.push_back(&f);
  return all;
}

/// Calls a function of the table on arguments of exactly the types that it declares.
template <class... A>
Tensor call(std::string_view name, const A&... arguments) {
  const void* given[] = {&arguments...};
  for (const Function* f : all_functions()) {
    if (f->name() != name) continue;
    REQUIRE(f->outputs == 1);
    REQUIRE(f->signature.count == sizeof...(A));
    const Parameter* p = f->signature.parameters;
    const auto fits = [&p](Kind kind, bool optional) {
      const bool same = p->kind == kind && (p->optional == optional || kind == Kind::Tensor);
      ++p;
      return same;
    };
    REQUIRE((fits(KindOf<A>::kKind, KindOf<A>::kOptional) && ...));
    alignas(Tensor) std::byte room[sizeof(Tensor)];
    f->call(given, room);
    Tensor* made = std::launder(reinterpret_cast<Tensor*>(room));
    Tensor out = std::move(*made);
    made->~Tensor();
    return out;
  }
  throw std::logic_error("no such function");
}

const std::optional<DType> kAnyDType;

/// Numbers as Python has them: integers where they are whole, unless `real`.
Number number_of(double v, bool real = false) {
  return !real && v == std::floor(v) ? Number(static_cast<int64_t>(v)) : Number(v);
}
Tensor arange(double start, double end, double step, bool real = false) {
  return call("arange", number_of(start, real), std::optional(number_of(end, real)), number_of(step, real), kAnyDType);
}

Tensor linspace(double start, double end, int64_t steps) {
  return call("linspace", number_of(start), number_of(end), steps, kAnyDType);
}
Tensor eye(int64_t n, std::optional<int64_t> m = {}) { return call("eye", n, m, kAnyDType); }

TEST_CASE("the table of functions: each has a summary, an example, and names of its own") {
  std::set<std::string> names;
  for (const Function* f : all_functions()) {
    INFO(std::string(f->name()));
    CHECK((f->call == nullptr) == (f->row >= 0));
    CHECK(names.insert(std::string(f->name())).second);
    for (const char* alias : f->options.aliases) CHECK(names.insert(alias).second);
    CHECK(std::string(f->summary).back() == '.');
    CHECK(std::string(f->example.code).starts_with(std::string(f->name()) + "("));
  }
}

TEST_CASE("a declaration takes its kinds from the function's types, the rest from the signature") {
  constexpr Function kTrial = def(
      "trial(x, *sizes, word='a', p=0.5, n=-1, flag=True, dtype=None)", "A trial.", {"trial(1)", "1"},
      [](const Tensor& x, const Dims&, std::string_view, double, int64_t, bool, std::optional<DType>) { return x; });
  const Signature& s = kTrial.signature;
  CHECK(s.name == "trial");
  CHECK(s.count == 7);
  const Kind kinds[] = {Kind::Tensor, Kind::Dims, Kind::Str, Kind::Float, Kind::Int, Kind::Bool, Kind::DType};
  const char* defaults[] = {"", "", "'a'", "0.5", "-1", "True", "None"};
  for (int i = 0; i < s.count; ++i) {
    CHECK(s.parameters[i].kind == kinds[i]);
    CHECK(s.parameters[i].fallback == defaults[i]);
    CHECK(s.parameters[i].rest == (i == 1));
    CHECK(s.parameters[i].keyword_only == (i > 1));
    CHECK(s.parameters[i].optional == (i == 6));
    CHECK(s.parameters[i].required() == (i == 0));
  }
}

TEST_CASE("a word is one of those of its enum, and arrives as a value of it") {
  constexpr Function kTrial = def("trial(side='right')", "A trial.", {"trial()", "1"},
                                  [](Side side) { return scalar(static_cast<int64_t>(side), DType::Int64); });
  const Parameter& p = kTrial.signature.parameters[0];
  CHECK(p.kind == Kind::Word);
  CHECK(find_word(p.words, "left") == 0);
  CHECK(find_word(p.words, "right") == 1);
  CHECK(find_word(p.words, "up") == -1);
  const int64_t right = 1;
  const void* arguments[] = {&right};
  alignas(Tensor) std::byte room[sizeof(Tensor)];
  kTrial.call(arguments, room);
  Tensor* made = std::launder(reinterpret_cast<Tensor*>(room));
  CHECK(item(*made) == 1);
  made->~Tensor();
  Parameter other = parse_signature("f(side='up')").parameters[0];
  CHECK_THROWS(detail::set_type<Side>(other));
}

TEST_CASE("a declaration that does not fit its signature is refused") {
  const auto refused = [](const char* signature, Kind kind, bool optional = false) {
    try {
      Signature s = parse_signature(signature);
      set_kind(s.parameters[s.count - 1], kind, optional);
      return false;
    } catch (const char*) {
      return true;
    }
  };
  CHECK_FALSE(refused("f(a, b=1)", Kind::Int));
  CHECK(refused("f", Kind::Int));
  CHECK(refused("f(a", Kind::Int));
  CHECK(refused("f(a=)", Kind::Int));
  CHECK(refused("f(a, , b)", Kind::Int));
  CHECK(refused("f(a=1, b)", Kind::Int));
  CHECK_FALSE(refused("f(a=1, *, b)", Kind::Int));
  CHECK(refused("f(a, b, c, d, e, f, g, h, i)", Kind::Int));
  CHECK(refused("f(a=1.5)", Kind::Int));
  CHECK(refused("f(a='b')", Kind::Float));
  CHECK(refused("f(a=1)", Kind::Bool));
  CHECK(refused("f(a=b)", Kind::Str));
  CHECK(refused("f(a=1)", Kind::Tensor));
  CHECK_FALSE(refused("f(a=None)", Kind::Tensor));
  CHECK(refused("f(a=None)", Kind::Int));
  CHECK_FALSE(refused("f(a=None)", Kind::Int, true));
  CHECK(refused("f(a=1)", Kind::Int, true));
  CHECK(refused("f(*a)", Kind::Int));
  CHECK_FALSE(refused("f(*a)", Kind::Dims));
}

TEST_CASE("a number keeps its type, and integers exactly") {
  CHECK(Number(true).is_bool());
  CHECK(Number(true).is_integer());
  CHECK(Number(int64_t{7}).is_integer());
  CHECK_FALSE(Number(7.0).is_integer());
  CHECK(Number((int64_t{1} << 62) + 1).integer() == (int64_t{1} << 62) + 1);
  CHECK(Number(int64_t{7}).real() == 7.0);
  CHECK(Number(scalar(int64_t{5}, DType::Int8)).is_integer());
  CHECK(Number(scalar(int64_t{5}, DType::Int8)).integer() == 5);
  CHECK(Number(scalar(0.5, DType::Float32)).real() == 0.5);
  CHECK(error_of([] { (void)Number(full({2}, 1.0, DType::Float32)).real(); }) == ErrorKind::Value);
  CHECK(Number::beyond_64_bits(1e20).is_integer());
  CHECK(Number::beyond_64_bits(1e20).real() == 1e20);
  CHECK(error_of([] { (void)Number::beyond_64_bits(1e20).integer(); }) == ErrorKind::Overflow);
}

TEST_CASE("arange counts by the loop that defines it") {
  for (double start : {-3.0, 0.0, 2.0}) {
    for (double end : {-4.0, 0.0, 2.0, 7.0}) {
      for (double step : {-2.0, -1.0, 1.0, 3.0}) {
        for (bool real : {false, true}) {
          std::vector<double> want;
          for (double v = start; step > 0 ? v < end : v > end; v += step) want.push_back(v);
          const Tensor y = arange(start, end, step, real);
          CHECK(to_vector(y) == want);
          CHECK(y.dtype() == (real ? DType::Float32 : DType::Int64));
        }
      }
    }
  }
  CHECK(to_vector(call("arange", number_of(3), std::optional<Number>(), number_of(1), kAnyDType)) ==
        std::vector<double>{0, 1, 2});
  CHECK(to_vector(arange(0, 1, 0.25)) == std::vector<double>{0, 0.25, 0.5, 0.75});
  CHECK(error_of([] { arange(0, 1, 0); }) == ErrorKind::Value);
  CHECK(error_of([] { arange(0, 1, 0, true); }) == ErrorKind::Value);
  CHECK(error_of([] { arange(0, kInf<double>, 1, true); }) == ErrorKind::Value);
  CHECK_THROWS_AS(arange(-9e18, 9e18, 1), std::bad_alloc);
  CHECK_THROWS_AS(arange(0, 1e300, 1, true), std::bad_alloc);
}

TEST_CASE("linspace and eye") {
  CHECK(to_vector(linspace(0, 1, 5)) == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(to_vector(linspace(2, -1, 2)) == std::vector<double>{2, -1});
  CHECK(to_vector(linspace(2, 9, 1)) == std::vector<double>{2});
  CHECK(linspace(2, 9, 0).size() == 0);
  CHECK(error_of([] { linspace(0, 1, -1); }) == ErrorKind::Value);
  CHECK(to_vector(eye(2, 3)) == std::vector<double>{1, 0, 0, 0, 1, 0});
  CHECK(to_vector(eye(3, 2)) == std::vector<double>{1, 0, 0, 1, 0, 0});
  CHECK(eye(0).shape() == Dims{0, 0});
  CHECK(error_of([] { eye(-1); }) == ErrorKind::Value);
}

TEST_CASE("a seed names a sequence; calls take what follows; a seed of one's own takes nothing") {
  const Dims shape{3, 5};
  set_seed(42);
  CHECK(get_seed() == 42);
  const auto a = to_vector(random_uniform(shape, DType::Float64)), b = to_vector(random_uniform(shape, DType::Float64));
  CHECK(a != b);
  set_seed(42);
  const uint64_t own = 7;
  const auto c = to_vector(random_uniform(shape, DType::Float64, &own));
  CHECK(c == to_vector(random_uniform(shape, DType::Float64, &own)));
  CHECK(to_vector(random_uniform({30}, DType::Float64)).front() == a.front());
  set_seed(42);
  std::vector<double> both = to_vector(random_uniform({30}, DType::Float64));
  std::vector<double> joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  CHECK(both == joined);
}

TEST_CASE("random numbers of every dtype lie where they should, and have the right moments") {
  set_seed(1);
  for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16}) {
    INFO(std::string(name_of(t)));
    double total = 0, squares = 0;
    for (double v : to_vector(random_normal({20000}, t))) {
      total += v;
      squares += v * v;
    }
    CHECK(std::fabs(total / 20000) < 5 / std::sqrt(20000));
    CHECK(std::fabs(squares / 20000 - 1) < 5 * std::sqrt(2.0 / 20000) + 0.01);
    const auto u = to_vector(random_uniform({20000}, t));
    CHECK(*std::min_element(u.begin(), u.end()) >= 0);
    CHECK(*std::max_element(u.begin(), u.end()) < 1);
  }
  const auto n = to_vector(random_integers({20000}, -3, 4, DType::Int8));
  CHECK(std::set<double>(n.begin(), n.end()) == std::set<double>{-3, -2, -1, 0, 1, 2, 3});
  CHECK(random_integers({0}, 0, 1, DType::Int64).size() == 0);
  CHECK(error_of([] { random_integers({2}, 3, 3, DType::Int64); }) == ErrorKind::Value);
  CHECK(error_of([] { random_uniform({2}, DType::Int32); }) == ErrorKind::Type);
  CHECK(error_of([] { random_normal({-1}, DType::Float32); }) == ErrorKind::Value);
}

TEST_CASE("threads that draw at once share the sequence without overlap") {
  set_seed(5);
  std::vector<std::vector<double>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& mine : drawn) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 50; ++i)
        for (double v : to_vector(random_uniform({8}, DType::Float64))) mine.push_back(v);
    });
  }
  for (auto& t : threads) t.join();
  std::multiset<double> all;
  for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
  set_seed(5);
  const auto sequence = to_vector(random_uniform({1600}, DType::Float64));
  CHECK(all == std::multiset<double>(sequence.begin(), sequence.end()));
}

}  // namespace
}  // namespace adcore
