// Arrays, tensors, tapes and plans as text: `std::cout << plan`, `fmt::print("{}", loss)`.
#pragma once

#include <iosfwd>

#include "autodiff/plan/plan.h"

namespace twice {

/// `f32 (9) [0.1 0.2 0.3 ... 0.7 0.8 0.9]`: of more than 100 numbers only the first and the last
/// along each axis. More than one axis: a row a line.
std::string str(const Array& array);
/// `%4 = matmul(%0, %2), f32 (128, 10), forward in linear1`, or `%0 = input images, ...`.
std::string str(const Tensor& tensor);
/// A line for each node, as of its tensor.
std::string str(const Tape& tape);
/// A line for each step, `%4 = matmul(images, linear1.weight), f32 (128, 10) in linear1, 5120
/// bytes, in place` (of an input's value), then the number of steps and all bytes.
std::string str(const Plan& plan);
/// A value in such a line: `%12`, a leaf's name, or the number of a constant that has only one.
std::string reference(const Program& program, int value);

template <class T>
concept Printable = std::same_as<T, Array> || std::same_as<T, Tensor> || std::same_as<T, Tape> ||
    std::same_as<T, Plan>;

template <class T>
requires Printable<T> || std::same_as<T, Shape> std::ostream& operator<<(std::ostream& stream,
                                                                         const T& value) {
  return stream << str(value);
}

struct Formatter {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const auto& value, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}", str(value));
  }
};

}  // namespace twice

template <twice::Printable T>
struct fmt::formatter<T> : twice::Formatter {};
/// By itself: a Shape is a range, which the template of fmt/ranges.h would fit as well.
template <>
struct fmt::formatter<twice::Shape> : twice::Formatter {};
