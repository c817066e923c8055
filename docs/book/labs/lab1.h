// Lab 1: the tape of chapter 1 without its derivatives, and the functions that the reader writes.
#pragma once

#include <array>
#include <cmath>
#include <limits>
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

/// Moves the nodes to other memory, and fills the old memory with nodes that have no inputs. After
/// that, a reference that was taken earlier refers to such a node.
inline void move_nodes(Tape& tape) {
  static std::array<Tape, 16> old;
  static std::size_t moves = 0;
  Tape moved = tape;
  tape.assign(tape.size(), {Op::input, -1, -1, std::numeric_limits<double>::quiet_NaN()});
  old[moves++ % old.size()].swap(tape);
  tape.swap(moved);
}

inline Scalar record(Tape& tape, Op op, double value, int a = -1, int b = -1) {
  if (tape.size() >= 10'000) throw std::runtime_error("the tape has 10000 nodes");
  move_nodes(tape);
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

/// Records the derivative of y with respect to each variable of `wrt`.
std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt);

}  // namespace lab
