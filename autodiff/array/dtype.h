// The element types of arrays. A dtype is known at run time; `visit_float` and `visit_any` call a
// kernel template with the matching C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "autodiff/array/error.h"

namespace twice {

/// f32 for training, f64 for checks, i32 for labels and indices, which have no derivatives.
enum class DType : std::uint8_t { f32, f64, i32 };

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::f64 ? 8 : 4; }

/// "f32", "f64" or "i32".
constexpr std::string_view str(DType dtype) {
  return dtype == DType::f32 ? "f32" : dtype == DType::f64 ? "f64" : "i32";
}

/// True for the dtypes that can be differentiated.
constexpr bool is_float(DType dtype) { return dtype != DType::i32; }

/// The dtype of a C++ type: `dtype_of<float>` is f32.
template <class T>
inline constexpr DType dtype_of = DType::i32;
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;

/// Calls `f(T{})` with T = float or double; throws for i32.
template <class F>
decltype(auto) visit_float(DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  if (dtype == DType::f64) return f(double{});
  fail("dtype", "a kernel for f32 and f64 was given {}", str(dtype));
}

/// Calls `f(T{})` with T = float, double or std::int32_t.
template <class F>
decltype(auto) visit_any(DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  if (dtype == DType::f64) return f(double{});
  return f(std::int32_t{});
}

}  // namespace twice
