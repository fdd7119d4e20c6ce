// The frames that a rule must find open when it runs: those that were open where it was recorded.
#pragma once

#include <memory>
#include <vector>

#include "core/box.h"
#include "python/object.h"

namespace adcore::python {

using Frames = std::vector<std::shared_ptr<Frame>>;

/// The frame of a Python object, a Forward or a Batch.
Frame& frame_of(PyObject* o);

/// Those of this thread, the innermost first.
Frames open_frames();

/// Opens what has closed of them since, the outermost first.
class Reopened {
 public:
  explicit Reopened(const Frames& frames) {
    for (size_t i = frames.size(); i-- > 0;) scopes_.push_front(*frames[i]);
  }

 private:
  struct Stack {
    std::vector<std::unique_ptr<FrameScope>> scopes;
    void push_front(Frame& f) { scopes.push_back(std::make_unique<FrameScope>(f)); }
    ~Stack() {
      while (!scopes.empty()) scopes.pop_back();
    }
  } scopes_;
};

}  // namespace adcore::python
