// The list of the files that export functions.
#include "ops/table.h"

namespace adcore {

std::vector<const Function*> function_table() {
  std::vector<const Function*> all;
  for (std::span<const Function> part : {kShapeFunctions, kReduceFunctions, kSoftmaxFunctions, kLossFunctions,
                                         kMatmulFunctions, kIndexFunctions, kCreateFunctions}) {
    for (const Function& f : part) all.push_back(&f);
  }
  return all;
}

}  // namespace adcore
