// Temporary memory of a kernel. Scratch would leave its inline destructor, compiled for this instruction set, to all
// the program.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"
#include "kernels/isa.h"

namespace adcore::ADCORE_ISA {
namespace {

class Workspace {
 public:
  explicit Workspace(size_t bytes) : block_(allocate(bytes)) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { deallocate(block_); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(block_->data);
  }

 private:
  Buffer* block_;
};

}  // namespace
}  // namespace adcore::ADCORE_ISA
