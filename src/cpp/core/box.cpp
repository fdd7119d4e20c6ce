#include "core/box.h"

#include <algorithm>
#include <utility>

#include "base/few.h"
#include "base/interpreter.h"

namespace adcore {
namespace {

// Read by whoever looks at the elements of a batch or a traced value in spite of all: NaN in every float type.
alignas(64) const uint16_t kNoElement[8] = {0x7fff, 0x7fff, 0x7fff, 0x7fff, 0x7fff, 0x7fff, 0x7fff, 0x7fff};

void drop_box(void* box) noexcept {
  auto* b = static_cast<Box*>(box);
  Buffer* const memory = b->head.next;
  b->~Box();
  deallocate(memory);
}

/// The box of the values, which it takes over.
Box& new_box(FrameKind kind, uint64_t frame, Tensor&& base, Tensor&& tangent) {
  // The box lies in a block of the thread's cache; `next`, idle while a block is in use, leads back to it.
  Buffer* memory = allocate(sizeof(Box));
  auto* box = new (memory->data)
      Box{{1, kBoxed, 0, nullptr, drop_box, nullptr, memory}, kind, frame, std::move(base), std::move(tangent)};
  box->head.owner = box;
  const bool readable = kind == FrameKind::Forward && box->base.defined();
  box->head.data =
      readable ? box->base.buffer().data() : const_cast<std::byte*>(reinterpret_cast<const std::byte*>(kNoElement));
  return *box;
}

}  // namespace

// ---- boxes --------------------------------------------------------------------------------------------------------

namespace {

Tensor boxed(FrameKind kind, uint64_t frame, Tensor&& base, Tensor&& tangent) {
  Box& box = new_box(kind, frame, std::move(base), std::move(tangent));
  const Tensor& b = box.base;
  BufferRef buffer(&box.head);
  if (kind == FrameKind::Forward) {
    return Tensor::make_boxed(std::move(buffer), b.offset(), b.shape(), b.strides(), b.dtype());
  }
  Dims shape = b.shape();
  shape.erase(0);
  return Tensor::make_boxed(std::move(buffer), 0, shape, Dims(shape.size(), 0), b.dtype());
}

}  // namespace

Tensor make_dual(const Frame& frame, Tensor base, Tensor tangent) {
  return boxed(FrameKind::Forward, frame.id, std::move(base), std::move(tangent));
}
Tensor make_batch(const Frame& frame, Tensor base) { return boxed(FrameKind::Batch, frame.id, std::move(base), {}); }
Tensor make_traced(const Frame& frame, uint32_t value, const Dims& shape, DType dtype) {
  count(shape);  // throws for a shape that no tensor can have
  Box& box = new_box(FrameKind::Trace, frame.id, {}, {});
  box.value = value;
  return Tensor::make_boxed(BufferRef(&box.head), 0, shape, Dims(shape.size(), 0), dtype);
}
Tensor make_donated(std::string_view to, const Dims& shape, DType dtype) {
  // No frame has the number 0. What stands in the box is the name.
  Tensor name(Dims{static_cast<int64_t>(to.size())}, DType::UInt8);
  std::ranges::copy(to, static_cast<char*>(name.mutable_data()));
  Box& box = new_box(FrameKind::Trace, 0, std::move(name), {});
  return Tensor::make_boxed(BufferRef(&box.head), 0, shape, Dims(shape.size(), 0), dtype);
}
Tensor box_again(const Box& box, Tensor base, Tensor tangent) {
  return boxed(box.kind, box.frame, std::move(base), std::move(tangent));
}

Frame* open_frame(const Box& box) noexcept {
  for (Frame* f = context().frame; f; f = f->place.outer)
    if (f->id == box.frame) return f;
  return nullptr;
}

Frame* computing_frame(const Box& box) noexcept {
  Frame* f = open_frame(box);
  return f && f->kind == FrameKind::Forward && f->place.depth <= context().no_grad_depth ? nullptr : f;
}

namespace {

[[noreturn]] void fail_escaped(const Tensor& t, const Box& box) {
  const bool traced = box.kind == FrameKind::Trace;
  if (traced && box.base.defined()) {
    const std::string_view to(static_cast<const char*>(box.base.data()), static_cast<size_t>(box.base.size()));
    fail(ErrorKind::Runtime, "jit: a Tensor of shape ", to_string(t.shape()), " was donated to ", to,
         ", which may have written over it; use what that returned, or call it without donate.");
  }
  fail(ErrorKind::Runtime, traced ? "jit" : "vmap", ": a value of shape ", to_string(t.shape()),
       " was kept from a call of ", traced ? "jit" : "vmap", " that has ended; return it from the ",
       traced ? "recorded" : "mapped", " function instead.");
}

/// The same; throws for a vmap or trace that has ended.
Frame* computing_frame(const Tensor& t, const Box& box) {
  Frame* f = computing_frame(box);
  if (!f && box.kind != FrameKind::Forward) fail_escaped(t, box);
  return f;
}

}  // namespace

Tensor settled(const Tensor& t) {
  Tensor s = t;
  while (const Box* box = box_of(s)) {
    if (computing_frame(s, *box)) break;
    const Tensor base = box->base;
    s = base;
  }
  return s;
}

const Box* box_in(const Tensor& t, uint64_t frame) noexcept {
  const Box* box = box_of(t);
  while (box && box->frame != frame && box->kind == FrameKind::Forward && !computing_frame(*box))
    box = box_of(box->base);
  return box && box->frame == frame ? box : nullptr;
}

Frame* innermost(const Tensor& t) {
  const Tensor s = settled(t);
  const Box* box = box_of(s);
  return box ? open_frame(*box) : nullptr;
}

Tensor without_derivative(const Tensor& t) {
  const Box* box = box_of(t);
  if (!box) return t.detached();
  if (box->kind == FrameKind::Forward) return without_derivative(box->base);
  Frame* const f = open_frame(*box);
  if (!f) fail_escaped(t, *box);
  if (box->kind == FrameKind::Trace) return f->constant(t.detached());
  return make_batch(*f, without_derivative(box->base));
}

void require_readable(const Tensor& t) {
  for (const Box* box = box_of(t); box; box = box_of(box->base)) {
    if (box->kind == FrameKind::Forward) continue;
    if (!open_frame(*box)) fail_escaped(t, *box);
    if (box->kind == FrameKind::Trace) {
      const std::string here = interpreter.place ? interpreter.place() : "";
      throw RecordingError(text("jit: the value of a tensor of shape ", to_string(t.shape()),
                                " is not known while a function is recorded, so Python cannot read it",
                                here.empty() ? "" : " (", here, here.empty() ? "" : ")",
                                "; compute with ops, choose with ops.where or ops.cond instead of if, loop with "
                                "ops.while_loop, ops.fori_loop "
                                "or ops.scan, or make the argument static."));
    }
    fail(ErrorKind::Value, "vmap: a value of shape ", to_string(t.shape()),
         " differs between the members of the batch, so it is no single number for Python; compute with ops, choose "
         "with ops.where instead of if.");
  }
}

// ---- calls --------------------------------------------------------------------------------------------------------

namespace {

/// The call with the boxes of jvps that do not compute any more taken off.
void apply_settled(Call& call) {
  const Tape* const tape = context().tape;
  Few<Tensor> held(static_cast<size_t>(call.count));
  Few<Operand> operands(static_cast<size_t>(call.count));
  for (int k = 0; k < call.count; ++k) {
    const Operand& o = call.operands[k];
    const auto i = static_cast<size_t>(k);
    held[i] = settled(*o.value);
    const bool same = held[i].buffer().get() == o.value->buffer().get();
    operands[i] = {&held[i], same ? o.slot : tape ? tape->slot_of(held[i]) : 0, o.weak};
  }
  Call own{call.op, operands.data(), call.count, call.out, call.attrs, call.all_outputs};
  apply(own);
}

/// True where a level that is open inside of the frame tracks an argument.
bool tracked_inside(const Call& call, const Frame& frame) {
  const Tape* const tape = context().tape;
  if (!tape || !call.op.differentiable() || (tape == frame.place.tape && tape->open_levels <= frame.place.open_levels))
    return false;
  for (int k = 0; k < call.count; ++k)
    if (call.operands[k].slot) return true;
  return false;
}

}  // namespace

void apply_boxed(Call& call) {
  Frame* frame = nullptr;
  for (int k = 0; k < call.count; ++k) {
    const Box* box = box_of(call.in(k));
    if (!box) continue;
    Frame* f = computing_frame(call.in(k), *box);
    if (!f) return apply_settled(call);
    if (!frame || f->place.depth > frame->place.depth) frame = f;
  }
  const bool inside = tracked_inside(call, *frame);
  call.all_outputs |= inside;
  if (inside) call.donated &= ~call.op.keeps();
  frame->apply(call);
  // Levels outside of the frame recorded what it did; those inside record the call as it stands here.
  if (inside) context().tape->append(call);
}

}  // namespace adcore
