// The list of the files that export functions, the rows of formulas.h as functions, and the words of keywords.
#include "ops/table.h"

#include <algorithm>

namespace adcore {
namespace {

constexpr std::string_view kSynonyms[][3] = {
    {"axis", "dim", "dims"}, {"keepdims", "keep_dims", "keepdim"}, {"logits", "input"}, {"label", "target", "labels"}};

template <class Row>
constexpr Function function_of(const Row& row, int index) {
  Signature s = parse_signature(row.signature);
  if (s.count != Row::kArity) throw "a row has one parameter for each operand";
  for (Parameter& p : std::span(s.parameters, static_cast<size_t>(s.count))) set_kind(p, Kind::Number, false);
  return {s, row.summary, row.example, nullptr, 1, {true, row.facts.aliases, row.facts.samples}, index};
}

constexpr auto kRowFunctions = kFormulas.apply([](const auto&... rows) {
  int index = 0;
  return std::array{function_of(rows, index++)...};
});

constexpr auto kTypes = kFormulas.apply([](const auto&... rows) { return std::array{rows.types...}; });
constexpr auto kFacts = kFormulas.apply([](const auto&... rows) { return std::array{rows.facts...}; });

}  // namespace

Types types_of(int row) noexcept { return kTypes[static_cast<size_t>(row)]; }
const Facts& facts_of(int row) noexcept { return kFacts[static_cast<size_t>(row)]; }

bool are_synonyms(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return false;  // what a shorter family is filled up with
  return std::ranges::any_of(
      kSynonyms, [&](const auto& family) { return std::ranges::count(family, a) && std::ranges::count(family, b); });
}

bool Number::is_integer() const { return is_tensor() ? adcore::is_integer(tensor_.dtype()) : type_ != Type::Real; }

int64_t Number::integer() const {
  if (type_ == Type::Huge) fail(ErrorKind::Overflow, "an integer does not fit 64 bits.");
  if (!is_tensor()) return integer_;
  item(tensor_);  // raises unless it is one element
  int64_t value = 0;
  copy_to(tensor_, &value, DType::Int64);
  return value;
}

double Number::real() const { return is_tensor() ? item(tensor_) : real_; }

std::span<const Family> families() {
  static const Family all[] = {{"Elementwise", kRowFunctions},
                               {"Shape", kShapeFunctions},
                               {"Moving elements", kMoveFunctions},
                               {"Arranging elements", kArrangeFunctions},
                               {"Reductions and scans", kReduceFunctions},
                               {"Reductions and scans", kScanFunctions},
                               {"Softmax", kSoftmaxFunctions},
                               {"Losses", kLossFunctions},
                               {"Products", kMatmulFunctions},
                               {"Linear algebra", kLinalgFunctions},
                               {"Linear algebra", kSpectralFunctions},
                               {"Convolution", kConvFunctions},
                               {"Pooling", kPoolFunctions},
                               {"Normalization", kNormFunctions},
                               {"Recurrent layers", kRecurrentFunctions},
                               {"Indexing", kIndexFunctions},
                               {"Order", kSortFunctions},
                               {"Random numbers", kRandomFunctions},
                               {"Creation", kCreateFunctions}};
  return all;
}

}  // namespace adcore
