// Random numbers by counter. Element e = offset + i comes from one Philox block (philox.h): e / 4 of the stream of
// 32-bit words for float32, e / 2 of the stream of 64-bit words for float64 and integers.
//
//   uniform   the top 24 (53) bits of the word
//   normal    Box-Muller: words 2k and 2k + 1 give elements 2k (cosine) and 2k + 1 (sine)
//   integers  low + the upper half of word * (high - low)
//
// Every instruction set gives the same bits: only +, -, *, / and square root are used, in float64 and in one order, no
// fused multiply-add and no library function. Work goes through fixed batches of counters in structure-of-arrays
// form, loops that compilers vectorise; a call that starts inside a batch drops the elements before.
#include <cstring>

#include "base/thread_pool.h"
#include "kernels/isa.h"
#include "kernels/philox.h"
#include "kernels/random_math.h"

namespace adcore::ADCORE_ISA {
namespace {

constexpr int kBatch = 32;                    // counters
constexpr int64_t kChunk = int64_t{1} << 15;  // elements of one unit of parallel work

// ---- words --------------------------------------------------------------------------------------------------------

struct Words32 {
  static constexpr PhiloxStream kStream = PhiloxStream::Words32;
  static constexpr int kCount = 4 * kBatch, kPerBlock = 4;
  uint32_t word[kCount];
};
struct Words64 {
  static constexpr PhiloxStream kStream = PhiloxStream::Words64;
  static constexpr int kCount = 2 * kBatch, kPerBlock = 2;
  uint64_t word[kCount];
};

void interleave(const uint32_t (&w)[4][kBatch], Words32& out) {
  for (int k = 0; k < kBatch; ++k) {
    for (int j = 0; j < 4; ++j) out.word[4 * k + j] = w[j][k];
  }
}

void interleave(const uint32_t (&w)[4][kBatch], Words64& out) {
  for (int k = 0; k < kBatch; ++k) {
    out.word[2 * k] = w[0][k] | static_cast<uint64_t>(w[1][k]) << 32;
    out.word[2 * k + 1] = w[2][k] | static_cast<uint64_t>(w[3][k]) << 32;
  }
}

/// The words of blocks [first, first + kBatch); block numbers wrap around where element numbers do.
template <class Words>
void draw(uint64_t seed, uint64_t first, Words& out) {
  constexpr uint64_t kLast = ~uint64_t{0} / Words::kPerBlock;
  uint32_t w[4][kBatch];
  for (int k = 0; k < kBatch; ++k) {
    const PhiloxBlock b = philox_block(seed, Words::kStream, (first + static_cast<uint64_t>(k)) & kLast);
    for (int j = 0; j < 4; ++j) w[j][k] = b.word[j];
  }
  interleave(w, out);
}

/// out[i] for i in [0, n) by convert(words, values), which makes a batch of values of a batch of words.
template <class Words, class T, class Convert>
void generate(uint64_t seed, uint64_t offset, int64_t n, T* out, const Convert& convert) {
  uint64_t block = offset / Words::kPerBlock;
  int64_t skip = static_cast<int64_t>(offset % Words::kPerBlock);
  Words words;
  T values[Words::kCount];
  for (int64_t i = 0; i < n; block += kBatch) {
    draw(seed, block, words);
    convert(words, values);
    const int64_t m = n - i < Words::kCount - skip ? n - i : Words::kCount - skip;
    std::memcpy(out + i, values + skip, static_cast<size_t>(m) * sizeof(T));
    i += m;
    skip = 0;
  }
}

template <class Words, class T, class Convert>
void generate_parallel(const RandomArgs& a, T* out, const Convert& convert) {
  const int64_t chunks = a.n / kChunk;
  if (chunks < 4) return generate<Words>(a.seed, a.offset, a.n, out, convert);
  parallel_for(chunks, [&](int64_t c) {
    const int64_t first = c * kChunk, last = c + 1 == chunks ? a.n : first + kChunk;
    generate<Words>(a.seed, a.offset + static_cast<uint64_t>(first), last - first, out + first, convert);
  });
}

// ---- uniform ------------------------------------------------------------------------------------------------------

void uniform_f32(const RandomArgs& a, float* out) {
  generate_parallel<Words32>(a, out, [](const Words32& w, float* u) {
    for (int k = 0; k < Words32::kCount; ++k)
      u[k] = static_cast<float>(static_cast<int32_t>(w.word[k] >> 8)) * 0x1p-24f;
  });
}

void uniform_f64(const RandomArgs& a, double* out) {
  generate_parallel<Words64>(a, out, [](const Words64& w, double* u) {
    for (int k = 0; k < Words64::kCount; ++k) u[k] = unit(w.word[k]);
  });
}

// ---- normal -------------------------------------------------------------------------------------------------------

/// kPairs pairs of normal values from u1 in (0, 1] and u2 in [0, 1).
template <int kPairs, class T>
void box_muller(const double* u1, const double* u2, T* out) {
  T z[2][kPairs];
  for (int k = 0; k < kPairs; ++k) {
    const double radius = __builtin_sqrt(-2 * log_unit(u1[k]));
    const CosSin t = turn(u2[k]);
    z[0][k] = static_cast<T>(radius * t.cos);
    z[1][k] = static_cast<T>(radius * t.sin);
  }
  for (int k = 0; k < kPairs; ++k) {
    out[2 * k] = z[0][k];
    out[2 * k + 1] = z[1][k];
  }
}

void normal_f32(const RandomArgs& a, float* out) {
  generate_parallel<Words32>(a, out, [](const Words32& w, float* z) {
    constexpr int kPairs = Words32::kCount / 2;
    double u1[kPairs], u2[kPairs];
    for (int k = 0; k < kPairs; ++k) {
      u1[k] = (static_cast<double>(w.word[2 * k]) + 1) * 0x1p-32;
      u2[k] = static_cast<double>(w.word[2 * k + 1]) * 0x1p-32;
    }
    box_muller<kPairs>(u1, u2, z);
  });
}

void normal_f64(const RandomArgs& a, double* out) {
  generate_parallel<Words64>(a, out, [](const Words64& w, double* z) {
    constexpr int kPairs = Words64::kCount / 2;
    double u1[kPairs], u2[kPairs];
    for (int k = 0; k < kPairs; ++k) {
      u1[k] = unit(w.word[2 * k]) + 0x1p-53;
      u2[k] = unit(w.word[2 * k + 1]);
    }
    box_muller<kPairs>(u1, u2, z);
  });
}

// ---- integers -----------------------------------------------------------------------------------------------------

__extension__ using Wide = unsigned __int128;

void integers(const RandomArgs& a, int64_t low, int64_t high, int64_t* out) {
  const uint64_t base = static_cast<uint64_t>(low), range = static_cast<uint64_t>(high) - base;
  generate_parallel<Words64>(a, out, [=](const Words64& w, int64_t* v) {
    for (int k = 0; k < Words64::kCount; ++k) {
      v[k] = static_cast<int64_t>(base + static_cast<uint64_t>(static_cast<Wide>(w.word[k]) * range >> 64));
    }
  });
}

}  // namespace

void install_random(Kernels& table) { table.random = {uniform_f32, uniform_f64, normal_f32, normal_f64, integers}; }

}  // namespace adcore::ADCORE_ISA
