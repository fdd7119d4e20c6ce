#include "jit/passes/sound.h"

#include <algorithm>

#include "jit/loop.h"

namespace adcore {
namespace {

/// A scan's operands and outputs are those of its body, arrays and rows with an axis of the steps in front.
bool is_sound_scan(const Program& p, const Program::Statement& s) {
  const auto attrs = p.attrs_of(s).as<ScanAttrs>();
  const auto carries = static_cast<size_t>(attrs.carries), fixed = carries + static_cast<size_t>(attrs.slices);
  const auto uses = p.uses_of(s);
  const Tensor held = p.constant(uses[0].value);
  if (!held.defined() || !find_body(held)) return false;
  const Program& body = body_in(held).program();
  if (body.inputs().size() + 1 != uses.size() || fixed > body.inputs().size() || carries > body.outputs().size() ||
      body.outputs().size() != s.op->outputs)
    return false;
  const auto is_like = [&](uint32_t outside, uint32_t inside, bool stacked) {
    const Program::Value& v = p.values()[outside];
    Dims shape = body.values()[inside].shape;
    if (stacked) shape.insert(0, attrs.length);
    return v.shape == shape && v.dtype == body.values()[inside].dtype;
  };
  for (size_t k = 0; k < body.inputs().size(); ++k)
    if (!is_like(uses[k + 1].value, body.inputs()[k], k >= carries && k < fixed)) return false;
  for (uint32_t j = 0; j < body.outputs().size(); ++j)
    if (!is_like(s.out + j, body.outputs()[j], j >= carries)) return false;
  return true;
}

}  // namespace

bool is_sound(const Program& program) {
  const auto statement = [&](const Program::Statement& s) {
    const auto is_there = [&](const Program::Use& use) { return use.value < s.out; };
    return std::ranges::all_of(program.uses_of(s), is_there) && (!is_scan(*s.op) || is_sound_scan(program, s));
  };
  const auto exists = [&](uint32_t value) { return value < program.values().size(); };
  return std::ranges::all_of(program.statements(), statement) && std::ranges::all_of(program.outputs(), exists);
}

}  // namespace adcore
