// Philox4x32-10: a bijection of 128-bit counters, chosen by a 64-bit key, whose values look random.
//
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel random numbers: as easy as 1, 2, 3. SC '11.
// A loop over counters vectorises; nothing is carried from one to the next.
#pragma once

#include <cstdint>

namespace adcore {

struct PhiloxBlock {
  uint32_t word[4];
};

[[gnu::always_inline]] constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  // Multipliers and Weyl constants (golden ratio, sqrt(3) - 1) from the paper, sections 4.3 and 4.
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  uint32_t a = counter.word[0], b = counter.word[1], c = counter.word[2], d = counter.word[3];
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const uint64_t x = kMultiplier0 * a, y = kMultiplier1 * c;
    a = static_cast<uint32_t>(y >> 32) ^ b ^ key0;
    b = static_cast<uint32_t>(y);
    c = static_cast<uint32_t>(x >> 32) ^ d ^ key1;
    d = static_cast<uint32_t>(x);
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return {{a, b, c, d}};
}

/// What the third counter word says: streams of 32-bit and of 64-bit words do not share blocks.
enum class PhiloxStream : uint32_t { Words32 = 0, Words64 = 1, OfElement = 2 };

/// Block number `index` of the stream that `seed` chooses.
[[gnu::always_inline]] constexpr PhiloxBlock philox_block(uint64_t seed, PhiloxStream stream, uint64_t index) {
  return philox4x32_10(
      {{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(stream), 0}},
      static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

/// The 64-bit words that one element has for itself, as many as it likes: for draws that are tried until one is taken.
class ElementWords {
 public:
  ElementWords(uint64_t seed, uint64_t element) noexcept : seed_(seed), element_(element) {}

  uint64_t next() noexcept {
    if (++used_ % 2 == 0) return second_;
    const PhiloxBlock b = philox4x32_10({{static_cast<uint32_t>(element_), static_cast<uint32_t>(element_ >> 32),
                                          static_cast<uint32_t>(PhiloxStream::OfElement), used_ / 2}},
                                        static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32));
    second_ = b.word[2] | static_cast<uint64_t>(b.word[3]) << 32;
    return b.word[0] | static_cast<uint64_t>(b.word[1]) << 32;
  }

 private:
  uint64_t seed_, element_, second_ = 0;
  uint32_t used_ = 0;
};

}  // namespace adcore
