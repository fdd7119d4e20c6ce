#include "jit/rows.h"

#include <algorithm>
#include <cstring>

#include "ops/matmul.h"
#include "ops/partial.h"
#include "ops/regions.h"

namespace adcore {
namespace {

constexpr uint32_t kNone = ~0u;
// Of many rows, and over a long inner axis, a product may be cut by how many rows there are.
constexpr int64_t kMostRows = 256, kMostInner = 1024;

class OnRows {
 public:
  OnRows(const Program& p, size_t fixed, int64_t rows)
      : p_(p), fixed_(fixed), rows_(rows), numbers_(p.values().size(), kNone), has_rows_(p.values().size()) {
    builder_.set_places(p.places());
  }

  std::optional<Program> run() {
    if (fixed_ == 0 || value(p_.inputs()[0]).shape.empty()) return std::nullopt;
    all_ = value(p_.inputs()[0]).shape[0];
    if (all_ > kMostRows) return std::nullopt;
    for (size_t k = 0; k < p_.inputs().size(); ++k) {
      const uint32_t in = p_.inputs()[k];
      has_rows_[in] = k < fixed_;
      if (has_rows_[in] && !is_tall(in)) return std::nullopt;
      numbers_[in] = builder_.input(shape_of(in), value(in).dtype);
    }
    for (const Program::Statement& s : p_.statements())
      if (!add(s)) return std::nullopt;
    for (const uint32_t out : p_.outputs()) {
      if (!has_rows_[out]) return std::nullopt;
      builder_.output(numbers_[out]);
    }
    return builder_.take();
  }

 private:
  const Program::Value& value(uint32_t v) const { return p_.values()[v]; }
  bool is_tall(uint32_t v) const { return !value(v).shape.empty() && value(v).shape[0] == all_; }
  Dims shape_of(uint32_t v) const {
    Dims shape = value(v).shape;
    if (has_rows_[v]) shape[0] = rows_;
    return shape;
  }
  uint32_t number(uint32_t v) {
    if (numbers_[v] == kNone) numbers_[v] = builder_.constant(p_.constant(v));
    return numbers_[v];
  }

  /// Any rows of a constant whose rows are equal; kNone where that is not so.
  uint32_t rows_of_constant(uint32_t v) {
    const Tensor t = p_.constant(v);
    if (!t.defined() || !is_tall(v)) return kNone;
    const Tensor whole = as_contiguous(t);
    const auto* const data = static_cast<const std::byte*>(whole.data());
    const auto bytes = static_cast<size_t>(whole.size() / all_) * size_of(whole.dtype());
    for (int64_t i = 1; i < all_; ++i)
      if (std::memcmp(data, data + static_cast<size_t>(i) * bytes, bytes) != 0) return kNone;
    Dims shape = t.shape();
    shape[0] = rows_;
    return builder_.constant(Tensor(t.buffer(), t.offset(), shape, t.strides(), t.dtype()));
  }

  /// The operand of a call that computes row by row an output of so many axes.
  uint32_t operand(uint32_t v, int rank) {
    const Dims& shape = value(v).shape;
    if (has_rows_[v]) return shape.size() == rank ? numbers_[v] : kNone;
    if (shape.size() < rank || shape[0] == 1) return number(v);
    return rows_of_constant(v);
  }

  bool add(const Program::Statement& s);

  const Program& p_;
  const size_t fixed_;
  const int64_t rows_;
  int64_t all_ = 0;  // rows of the program as it is
  ProgramBuilder builder_;
  std::vector<uint32_t> numbers_;  // of every value, in the new program
  std::vector<bool> has_rows_;
};

bool OnRows::add(const Program::Statement& s) {
  const auto uses = p_.uses_of(s);
  const Attrs attrs = p_.attrs_of(s);
  const bool elementwise = s.op->row >= 0 || partial_of(*s.op, attrs);
  const bool product = s.op == &matmul_op() || s.op == &dense_op();
  const bool region = s.op == &slice_op() || s.op == &slice_add_op();
  if ((!elementwise && !product && !region) || s.op->outputs != 1 || s.op->checks) return false;
  const auto rows = [this](const Program::Use& use) { return has_rows_[use.value]; };
  const bool any = std::ranges::any_of(uses, rows);
  const int rank = value(s.out).shape.size();
  std::vector<int64_t> words(attrs.words(), attrs.words() + attrs.count());
  std::vector<Program::Use> given;
  if (!any) {
    for (const Program::Use& use : uses) given.push_back({number(use.value), use.weak});
  } else if (!is_tall(s.out)) {
    return false;
  } else if (product) {
    // Rows round as they do among all, whose number is the last word.
    if (!rows(uses[0]) || rank != 2 || value(uses[0].value).shape.back() > kMostInner ||
        std::ranges::any_of(uses.subspan(1), rows) || words.back() != 0)
      return false;
    if (s.op == &matmul_op() && (attrs.as<MatmulAttr>().a_turned || value(uses[1].value).shape.size() != 2))
      return false;
    words.back() = all_;
    given.push_back({numbers_[uses[0].value], uses[0].weak});
    for (const Program::Use& use : uses.subspan(1)) given.push_back({number(use.value), use.weak});
  } else {
    if (region) {
      Region r{};
      RegionReader reader(attrs);
      reader.next(r);
      const auto whole = [&](const Lattice& l) {
        return l.kind == Lattice::kItself || (l.kind == Lattice::kAxes && l.start[0] == 0 && l.step[0] == 1);
      };
      if (!reader.at_end() || r.rank != rank || r.count[0] != all_ || !whole(r.from) || !whole(r.to)) return false;
      std::vector<int64_t> count(r.count, r.count + r.rank);
      count[0] = rows_;
      r.count = count.data();
      const RegionWords changed(r);
      words.assign(changed.attrs().words(), changed.attrs().words() + changed.attrs().count());
    }
    for (const Program::Use& use : uses) {
      given.push_back({operand(use.value, rank), use.weak});
      if (given.back().value == kNone) return false;
    }
  }
  has_rows_[s.out] = any;
  numbers_[s.out] =
      builder_.statement(*s.op, given, Attrs(words.data(), static_cast<int>(words.size())), s.all_outputs, s.place);
  builder_.set_value(numbers_[s.out], shape_of(s.out), value(s.out).dtype);
  return true;
}

}  // namespace

std::optional<Program> on_rows(const Program& program, size_t fixed, int64_t rows) {
  return OnRows(program, fixed, rows).run();
}

}  // namespace adcore
