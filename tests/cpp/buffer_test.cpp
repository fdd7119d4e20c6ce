// Buffers: reference counts, alignment, reuse, external memory, memory that nobody can give, threads.
#include "base/buffer.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "base/context.h"

namespace adcore {
namespace {

TEST_CASE("a block of any size is aligned, large enough and its own; small ones waste at most a quarter") {
  std::vector<BufferRef> held;
  std::mt19937_64 bits(1);
  for (int i = 0; i < 2000; ++i) {
    const size_t bytes = bits() % (size_t{1} << (bits() % 21));
    held.emplace_back(allocate(bytes));
    Buffer* b = held.back().get();
    CHECK(reinterpret_cast<uintptr_t>(b->data) % 64 == 0);
    CHECK(b->capacity >= bytes);
    CHECK(b->capacity <= std::max<size_t>(64, bytes + bytes / 4));
    std::memset(b->data, i & 255, bytes);
    b->next = reinterpret_cast<Buffer*>(bytes);  // free for use while the block is in use
  }
  for (size_t i = 0; i < held.size(); ++i) {
    const auto bytes = reinterpret_cast<size_t>(held[i].get()->next);
    for (size_t k : {size_t{0}, bytes / 2, bytes - 1})
      if (k < bytes) REQUIRE(static_cast<unsigned char>(held[i].data()[k]) == (i & 255));
  }
}

TEST_CASE("references count") {
  BufferRef a(allocate(100));
  CHECK(a.unique());
  {
    BufferRef b = a, c;
    CHECK(!a.unique());
    c = b;
    CHECK(a.get()->refs.load() == 3);
    c = BufferRef();
    CHECK(a.get()->refs.load() == 2);
    BufferRef moved = std::move(b);
    CHECK(a.get()->refs.load() == 2);
    CHECK(!b);  // NOLINT(bugprone-use-after-move): what a move leaves is part of the type
  }
  CHECK(a.unique());
  const BufferRef& itself = a;  // by its own name Clang warns of it
  a = itself;
  CHECK(a.unique());
}

TEST_CASE("external memory goes back to its owner with the last reference, once") {
  double memory[4] = {1, 2, 3, 4};
  int released = 0;
  {
    BufferRef a(adopt(memory, sizeof memory, &released, [](void* p) { ++*static_cast<int*>(p); }));
    CHECK(a.data() == reinterpret_cast<std::byte*>(memory));
    CHECK(a.get()->size_class == kForeign);
    BufferRef b = a;
    a = BufferRef();
    CHECK(released == 0);
  }
  CHECK(released == 1);
}

TEST_CASE("what no machine holds fails at once") {
  for (size_t bytes : {size_t{1} << 60, SIZE_MAX / 2, SIZE_MAX - 64, SIZE_MAX})
    CHECK_THROWS_AS(allocate(bytes), std::bad_alloc);
  const BufferRef still(allocate(64));
  CHECK(still);
}

#if !defined(__SANITIZE_ADDRESS__)  // there every block is fresh, so that a use after free is seen
TEST_CASE("a block that was given back is taken again") {
  for (size_t bytes : {size_t{1}, size_t{1000}, size_t{200} << 10, size_t{300} << 10, size_t{3} << 20}) {
    INFO(bytes);
    Buffer* first = allocate(bytes);
    {
      const BufferRef owner(first);
    }
    const BufferRef again(allocate(bytes));
    CHECK(again.get() == first);
    CHECK(again.unique());
  }
}
#endif

TEST_CASE("a free list takes blocks up to its bound and gives each once") {
  BufferCache cache;
  std::vector<Buffer*> given, taken;
  const auto unowned = [] { return std::unique_ptr<Buffer, void (*)(Buffer*)>(nullptr, deallocate); };
  auto refused = unowned();
  const size_t capacity = BufferRef(allocate(size_t{200} << 10)).get()->capacity;
  while (given.size() < 100) {
    Buffer* b = allocate(size_t{200} << 10);
    b->refs.store(0);
    if (!cache.put(b)) {
      refused.reset(b);
      break;
    }
    given.push_back(b);
  }
  CHECK(given.size() == BufferCache::kBytesPerClass / capacity);
  CHECK(refused);
  while (Buffer* b = cache.take(given[0]->size_class)) taken.push_back(b);
  CHECK(std::vector<Buffer*>(taken.rbegin(), taken.rend()) == given);
  for (Buffer* b : taken) CHECK(cache.put(b));  // and the cache frees them at its end
}

TEST_CASE("blocks may be dropped by another thread than the one that took them, also as that thread ends") {
  std::vector<std::thread> threads;
  std::vector<BufferRef> shared;
  for (int i = 0; i < 64; ++i) shared.emplace_back(allocate(size_t{16} << (i % 16)));
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([mine = shared] {
      static thread_local std::vector<BufferRef> last;  // destroyed with the thread
      for (int round = 0; round < 50; ++round) {
        for (const BufferRef& b : mine) {
          BufferRef copy = b;
          last.emplace_back(allocate(b.get()->capacity / 2));
          if (last.size() > 20) last.clear();
        }
      }
      last.insert(last.end(), mine.begin(), mine.end());
    });
  }
  for (auto& t : threads) t.join();
  threads.clear();
  for (const BufferRef& b : shared) CHECK(b.unique());
}

TEST_CASE("each thread has a context of its own") {
  ThreadContext* const mine = &context();
  CHECK(mine == &context());
  ThreadContext* other = nullptr;
  std::thread([&] { other = &context(); }).join();
  CHECK(other != nullptr);
  CHECK(other != mine);
}

}  // namespace
}  // namespace adcore
