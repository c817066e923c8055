// SIMD vectors for the kernels, by the compiler's vector extension. The same source compiles to
// AVX-512, AVX2, SSE or NEON code. Loads and stores need no alignment.
#pragma once

#include <cstring>

#include "autodiff/array/shape.h"

namespace twice::kernel {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

/// A vector of `lanes` numbers of type T.
template <class T, int lanes>
struct Vector {
  using Type __attribute__((vector_size(lanes * sizeof(T)))) = T;

  static Type load(const T* from) {
    Type value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  /// Loads the first `count` lanes; the other lanes are zero.
  static Type load(const T* from, Index count) {
    Type value = {};
    std::memcpy(&value, from, static_cast<std::size_t>(count) * sizeof(T));
    return value;
  }
  static void store(T* to, const Type& value) { std::memcpy(to, &value, sizeof value); }
  /// Stores the first `count` lanes.
  static void store(T* to, const Type& value, Index count) {
    const Type copy = value;  // taking a part of `value` itself would force it into memory
    std::memcpy(to, &copy, static_cast<std::size_t>(count) * sizeof(T));
  }
};

/// The number of lanes in a full vector of T.
template <class T>
inline constexpr int full_lanes = vector_bytes / static_cast<int>(sizeof(T));

/// The vector length for `channels` output channels: half a vector if half a vector holds all.
template <class T>
constexpr int lanes_for(Index channels) {
  constexpr int half = full_lanes<T> / 2;
  return half > 1 && channels <= half ? half : full_lanes<T>;
}

}  // namespace twice::kernel
