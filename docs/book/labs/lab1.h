// Lab 1: the tape of chapter 1 without its derivatives, and the functions that the reader writes.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace lab {

enum class Op { input, constant, add, mul, sin, cos, exp };

struct Node {
  Op op;
  int a, b;  // the inputs: positions of earlier nodes, or -1
  double value;
};

using Tape = std::vector<Node>;

struct Scalar {
  Tape* tape = nullptr;
  int index = -1;
  const Node& node() const {
    if (tape == nullptr) throw std::runtime_error("an empty Scalar was read");
    if (index < 0 || index >= static_cast<int>(tape->size()))
      throw std::runtime_error("a node outside of the tape was read: " + std::to_string(index));
    return (*tape)[static_cast<std::size_t>(index)];
  }
  double value() const { return node().value; }
};

inline Scalar record(Tape& tape, Op op, double value, int a = -1, int b = -1) {
  if (tape.size() >= 1'000'000) throw std::runtime_error("the tape has a million nodes");
  tape.push_back({op, a, b, value});
  return {&tape, static_cast<int>(tape.size()) - 1};
}

inline Scalar input(Tape& tape, double value) { return record(tape, Op::input, value); }
inline Scalar constant(Tape& tape, double value) { return record(tape, Op::constant, value); }

/// Records a node of one or two inputs.
inline Scalar record(Op op, double value, Scalar a, Scalar b = {}) {
  return record(*a.tape, op, value, a.index, b.index);
}
inline Scalar operator+(Scalar a, Scalar b) { return record(Op::add, a.value() + b.value(), a, b); }
inline Scalar operator*(Scalar a, Scalar b) { return record(Op::mul, a.value() * b.value(), a, b); }
inline Scalar sin(Scalar x) { return record(Op::sin, std::sin(x.value()), x); }
inline Scalar cos(Scalar x) { return record(Op::cos, std::cos(x.value()), x); }
inline Scalar exp(Scalar x) { return record(Op::exp, std::exp(x.value()), x); }

/// One term of the chain rule, recorded: cotangent * dy/dinput, where the input is in `slot`.
Scalar vjp(Scalar y, int slot, Scalar cotangent);

/// The derivatives of y by each variable of `wrt`, recorded.
std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt);

}  // namespace lab
