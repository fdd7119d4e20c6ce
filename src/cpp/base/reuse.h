// Objects whose memory is worth keeping from one use to the next: tapes, the adjoints of a sweep, the lists of a call.
#pragma once

#include <memory>
#include <vector>

#include "base/static_tls.h"

namespace adcore {

/// The objects of this thread that are not in use. T has clear(), which lets go of what it holds and of more memory
/// than the next user is likely to need.
template <class T>
class Idle {
 public:
  static T* take() {
    auto& list = objects();
    if (list.empty()) return new T;
    T* t = list.back().release();
    list.pop_back();
    return t;
  }
  static void put(T* t) noexcept {
    t->clear();
    std::unique_ptr<T> owner(t);
    try {
      objects().push_back(std::move(owner));
    } catch (const std::bad_alloc&) {  // then its memory is wanted more urgently elsewhere
    }
  }

 private:
  using List = std::vector<std::unique_ptr<T>>;
  struct Owner {
    List list;
    ~Owner() { current_ = nullptr; }
  };

  static List& objects() { return current_ ? *current_ : make(); }
  [[gnu::noinline]] static List& make() {
    thread_local Owner owner;
    current_ = &owner.list;
    return owner.list;
  }

  static inline constinit thread_local List* current_ ADCORE_STATIC_TLS = nullptr;
};

/// One of them for the time of a scope.
template <class T>
class Reused {
 public:
  Reused() : t_(Idle<T>::take()) {}
  Reused(const Reused&) = delete;
  Reused& operator=(const Reused&) = delete;
  ~Reused() { Idle<T>::put(t_); }
  T& operator*() const noexcept { return *t_; }
  T* operator->() const noexcept { return t_; }

 private:
  T* t_;
};

/// Empties a list; one that has grown long gives back its memory.
template <class T>
void forget(std::vector<T>& v) noexcept {
  constexpr size_t kKeepBytes = size_t{4} << 20;
  v.clear();
  if (v.capacity() * sizeof(T) > kKeepBytes) std::vector<T>().swap(v);
}

}  // namespace adcore
