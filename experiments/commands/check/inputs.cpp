// Random inputs within an op's domain.
#include "experiments/commands/check/inputs.h"

namespace twice::experiments {

namespace {

/// An array of f64 or i32 with element i from `number(rng, i)`.
template <class F>
RandomArray each(const Shape& shape, DType dtype, F number) {
  return [=](const Rng& rng) {
    const Array result(shape, dtype);
    for (Index i = 0; i < result.elements(); ++i)
      result.set(i, number(rng, static_cast<std::uint64_t>(i)));
    return result;
  };
}

}  // namespace

RandomArray normal(const Shape& shape) {
  return each(shape, DType::f64, [](const Rng& rng, std::uint64_t i) { return rng.normal(i); });
}

RandomArray uniform(const Shape& shape, double low, double high) {
  return each(shape, DType::f64,
              [=](const Rng& rng, std::uint64_t i) { return low + (high - low) * rng.uniform(i); });
}

RandomArray signed_uniform(const Shape& shape, double low, double high) {
  return each(shape, DType::f64, [=](const Rng& rng, std::uint64_t i) {
    const double size = low + (high - low) * rng.uniform(2 * i);
    return rng.uniform(2 * i + 1) < 0.5 ? -size : size;
  });
}

RandomArray distinct(const Shape& shape) {
  return [=](const Rng& rng) {
    const Array result(shape, DType::f64);
    const Index count = result.elements();
    const std::vector<std::int32_t> order = permutation(rng.keyed(1, 0), count);
    for (Index i = 0; i < count; ++i) {
      // A grid with spacing 0.3 around 0, each number moved by at most 0.05.
      const double place = order[static_cast<std::size_t>(i)] - (count / 2 - 0.5);
      result.set(i, 0.3 * place + 0.1 * (rng.uniform(static_cast<std::uint64_t>(i)) - 0.5));
    }
    return result;
  };
}

RandomArray indices(const Shape& shape, Index count) {
  return each(shape, DType::i32, [=](const Rng& rng, std::uint64_t i) {
    return static_cast<double>(static_cast<Index>(rng.uniform(i) * static_cast<double>(count)));
  });
}

}  // namespace twice::experiments
