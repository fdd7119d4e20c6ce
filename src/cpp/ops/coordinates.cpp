// Indices themselves: checked ones, and those of the elements that are not zero.
#include <algorithm>
#include <cstring>

#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
namespace {

// ---- checked index: operand index; an op, so that it works on whatever stands for the index -----------------------

constexpr int64_t kBlock = 4096;  // entries that are looked at before anything is decided

struct CheckAttr {
  int64_t size;
  char who[32];  // the op that the user called, for the error
};
void check_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
/// The index itself where every entry is in range and nobody else can change it, else a copy with the negative ones
/// wrapped.
void check_run(Call& call) {
  const auto a = call.attrs.as<CheckAttr>();
  const int64_t size = a.size;
  const Tensor given = as_contiguous(call.in(0), DType::Int64);
  const auto* p = given.data_as<int64_t>();
  bool in_place = given.size() == 0 || given.buffer().get()->size_class != kForeign;
  for (int64_t i = 0; in_place && i < given.size(); i += kBlock) {
    uint64_t outside = 0;
    for (int64_t k = i; k < std::min(i + kBlock, given.size()); ++k)
      outside |= static_cast<uint64_t>(p[k]) >= static_cast<uint64_t>(size);
    in_place = !outside;
  }
  const Dims shape = call.out->shape();
  if (in_place) return call.out->view_of(given, shape, contiguous_strides(shape), given.offset());
  Tensor wrapped(shape, DType::Int64);
  auto* q = wrapped.mutable_data_as<int64_t>();
  for (int64_t i = 0; i < given.size(); ++i) {
    if (p[i] < -size || p[i] >= size) {
      fail(ErrorKind::Index, a.who, ": index ", p[i], " is out of range for an axis of size ", size, ".");
    }
    q[i] = p[i] < 0 ? p[i] + size : p[i];
  }
  call.out->view_of(wrapped, shape, contiguous_strides(shape), wrapped.offset());
}
bool check_accepts(const Call& call) {
  if (!has<CheckAttr>(call, 1)) return false;
  const auto a = call.attrs.as<CheckAttr>();
  return a.size >= 0 && ends(a.who) && is_integer(call.in(0).dtype());
}
const Op kCheckIndex{.name = "check_index",
                     .kind = OpKind::Constant,
                     .infer = check_infer,
                     .run = check_run,
                     .view = true,
                     .checks = true,
                     .batch = batch_same,
                     .accepts = check_accepts};

}  // namespace

void list_coordinate_ops(OpList& list) { list.push_back(&kCheckIndex); }

IndexCheck check_of_index(const char* who, int64_t size) {
  CheckAttr a{size, {}};
  std::strncpy(a.who, who, sizeof a.who - 1);
  IndexCheck check{kCheckIndex, {}};
  static_assert(sizeof a == sizeof check.words);
  std::memcpy(check.words, &a, sizeof a);
  return check;
}
std::optional<int64_t> size_checked(const Op& op, Attrs attrs) noexcept {
  if (&op != &kCheckIndex) return {};
  return attrs.as<CheckAttr>().size;
}

Tensor checked_index(const char* op, const Tensor& index, int64_t size) {
  if (!is_integer(index.dtype())) {
    fail(ErrorKind::Type, op, ": indices must be integers, got ", name_of(index.dtype()), ".");
  }
  CheckAttr a{size, {}};
  std::strncpy(a.who, op, sizeof a.who - 1);
  return apply(kCheckIndex, {&index}, Attrs(a));
}

Tensor nonzero(const Tensor& x) {
  const Tensor hit = as_contiguous(map("not_equal", without_derivative(x), number(0.0, x)));
  const auto* p = hit.data_as<uint8_t>();
  const int64_t found = std::count(p, p + hit.size(), uint8_t{1});
  Tensor out(Dims{found, x.rank()}, DType::Int64);
  auto* q = out.mutable_data_as<int64_t>();
  for (int64_t i = 0; i < hit.size(); ++i) {
    if (!p[i]) continue;
    int64_t rest = i;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      q[axis] = rest % x.shape()[axis];
      rest /= x.shape()[axis];
    }
    q += x.rank();
  }
  return out;
}

}  // namespace adcore
