#include "ops/accept.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace adcore {

bool is_shape(const DimsAttr& a) noexcept {
  if (!in_range(a.rank, 0, kMaxRank)) return false;
  int64_t size = 1;  // an axis without elements counts as one of size 1, so that strides fit too
  for (int64_t i = 0; i < a.rank; ++i)
    if (a.v[i] < 0 || __builtin_mul_overflow(size, std::max<int64_t>(a.v[i], 1), &size)) return false;
  return true;
}

bool is_shape_of(const DimsAttr& a, const Dims& shape) noexcept { return is_shape(a) && a.dims() == shape; }

const OpList& all_ops() {
  static const OpList all = [] {
    OpList list;
    for (const auto add :
         {list_shape_ops, list_region_ops,     list_elementwise_ops, list_partial_ops, list_reduce_ops,
          list_scan_ops,  list_softmax_ops,    list_loss_ops,        list_norm_ops,    list_matmul_ops,
          list_conv_ops,  list_pool_ops,       list_recurrent_ops,   list_linalg_ops,  list_spectral_ops,
          list_index_ops, list_coordinate_ops, list_sort_ops,        list_random_ops,  list_optimizer_ops})
      add(list);
    return list;
  }();
  return all;
}

const Op* op_named(std::string_view name) {
  static const auto by_name = [] {
    std::unordered_map<std::string_view, const Op*> names;
    for (const Op* op : all_ops()) names.emplace(op->name, op);
    return names;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace adcore
