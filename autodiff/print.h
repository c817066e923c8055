// Arrays, tensors, tapes and plans as text: `std::cout << plan`, `fmt::print("{}", loss)`.
#pragma once

#include <iosfwd>

#include "autodiff/plan/plan.h"

namespace twice {

/// `f32 (9) [0.1 0.2 0.3 ... 0.7 0.8 0.9]`. An array of more than 100 elements shows only the first
/// and last entries along each axis. From rank 2 on, each row is a line.
std::string str(const Array& array);
/// `%4 = matmul(%0, %2), f32 (128, 10), forward in linear1`; `%0 = input images, ...` for a leaf.
std::string str(const Tensor& tensor);
/// One line for each node, in the format of `str(Tensor)`.
std::string str(const Tape& tape);
/// One line for each step, `%4 = matmul(images, linear1.weight), f32 (128, 10) in linear1, 5120
/// bytes, in place` ("in place" if the output overwrites an input), then the number of steps and
/// the total bytes.
std::string str(const Plan& plan);
/// How `str(plan)` refers to a value: `%12`, the name of a leaf, or the number that a constant of
/// one element holds.
std::string reference(const Program& program, int value);

/// The types, besides Shape, for which this header defines `<<` and an fmt formatter.
template <class T>
concept Printable = std::same_as<T, Array> || std::same_as<T, Tensor> || std::same_as<T, Tape> ||
    std::same_as<T, Plan>;

template <class T>
requires Printable<T> || std::same_as<T, Shape> std::ostream& operator<<(std::ostream& stream,
                                                                         const T& value) {
  return stream << str(value);
}

/// The base of the fmt formatters below. A formatter prints `str(value)` and takes no format
/// options.
struct Formatter {
  /// Accepts an empty format specification.
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  /// Writes `str(value)`.
  auto format(const auto& value, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}", str(value));
  }
};

}  // namespace twice

template <twice::Printable T>
struct fmt::formatter<T> : twice::Formatter {};
/// Written out because fmt/ranges.h would otherwise format a Shape as a range.
template <>
struct fmt::formatter<twice::Shape> : twice::Formatter {};
