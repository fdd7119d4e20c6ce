#include "jit/passes/share.h"

#include <algorithm>
#include <unordered_map>

#include "jit/passes/rewrite.h"

namespace adcore {
namespace {

size_t mixed(size_t hash, uint64_t word) { return (hash ^ word) * 0x9e3779b97f4a7c15u; }

/// Constants on one piece of memory are one value.
class Constants {
 public:
  explicit Constants(const Program& p) : first_(p.values().size()) {
    for (uint32_t v = 0; v < first_.size(); ++v) first_[v] = v;
    std::unordered_multimap<const void*, const Program::Constant*> by_memory;
    for (const Program::Constant& c : p.constants()) {
      const auto [begin, end] = by_memory.equal_range(c.tensor.data());
      const auto same = std::find_if(begin, end, [&](const auto& other) {
        const Tensor& t = other.second->tensor;
        return t.dtype() == c.tensor.dtype() && t.shape() == c.tensor.shape() && t.strides() == c.tensor.strides();
      });
      if (same == end) {
        by_memory.emplace(c.tensor.data(), &c);
      } else {
        first_[c.value] = same->second->value;
      }
    }
  }
  uint32_t first(uint32_t value) const { return first_[value]; }

 private:
  std::vector<uint32_t> first_;
};

}  // namespace

Program share(const Program& program) {
  const auto statements = program.statements();
  const Constants constants(program);
  std::vector<uint32_t> same(program.values().size());  // the first value that is this one
  for (uint32_t v = 0; v < same.size(); ++v) same[v] = constants.first(v);
  std::unordered_multimap<size_t, const Program::Statement*> known;
  Rewrite to(program);
  std::vector<Program::Use> uses;
  for (const Program::Statement& s : statements) {
    uses.clear();
    for (const Program::Use& use : program.uses_of(s)) uses.push_back({same[use.value], use.weak});
    const Attrs attrs = program.attrs_of(s);
    size_t hash = mixed(reinterpret_cast<uintptr_t>(s.op), s.all_outputs);
    for (const Program::Use& use : uses) hash = mixed(hash, use.value * 2 + use.weak);
    for (int k = 0; k < attrs.count(); ++k) hash = mixed(hash, static_cast<uint64_t>(attrs.words()[k]));
    const auto [begin, end] = known.equal_range(hash);
    const auto found = std::find_if(begin, end, [&](const auto& entry) {
      const Program::Statement& other = *entry.second;
      const Attrs words = program.attrs_of(other);
      const auto others = program.uses_of(other);
      if (other.op != s.op || other.all_outputs != s.all_outputs || others.size() != uses.size() ||
          words.count() != attrs.count() || !std::equal(words.words(), words.words() + words.count(), attrs.words()))
        return false;
      for (size_t k = 0; k < uses.size(); ++k)
        if (same[others[k].value] != uses[k].value || others[k].weak != uses[k].weak) return false;
      return true;
    });
    if (found == end) {
      known.emplace(hash, &s);
      to.copy(s, uses, attrs);
      continue;
    }
    for (uint32_t j = 0; j < s.op->outputs; ++j) {
      same[s.out + j] = same[found->second->out + j];
      if (program.makes(s, static_cast<int>(j))) to.rename(s.out + j, to.renamed(same[s.out + j]));
    }
  }
  return to.finish();
}

}  // namespace adcore
