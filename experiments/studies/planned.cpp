// Recording, planning, and lists of arrays as long vectors.
#include "experiments/studies/planned.h"

#include <cmath>

#include "autodiff/autodiff.h"

namespace twice::experiments {

namespace {

/// The streams of random numbers of a problem.
enum Use : std::uint64_t { inputs_use = 0x57D1, teacher_use, noise_use };

Plan plan_of(const Estimate& e, Tensor squared, const Method& method) {
  return Plan({e.loss, squared, e.plain, e.gradient}, method.plan);
}

}  // namespace

SmallData teacher_data(Index samples, Index inputs, Index classes, double noise, std::uint64_t seed,
                       DType dtype) {
  const Rng rng(seed);
  // In f64, so that both dtypes have the same labels.
  Array x({samples, inputs}, DType::f64), map({inputs, classes}, DType::f64);
  fill_normal(rng.keyed(0, inputs_use), 0, 1, x);
  fill_normal(rng.keyed(0, teacher_use), 0, 1, map);
  Tape tape;
  const Array scores = value(matmul(tape.constant(x), tape.constant(map)));
  Array labels({samples}, DType::i32);
  const Rng draw = rng.keyed(0, noise_use);
  for (Index i = 0; i < samples; ++i) {
    Index best = 0;
    for (Index c = 1; c < classes; ++c)
      if (scores.at(i * classes + c) > scores.at(i * classes + best)) best = c;
    const auto k = static_cast<std::uint64_t>(2 * i);
    if (draw.uniform(k) < noise)
      best = static_cast<Index>(draw.uniform(k + 1) * static_cast<double>(classes));
    labels.set(i, static_cast<double>(best));
  }
  return {x.cast(dtype), labels};
}

double norm(const Vector& a) {
  double sum = 0;
  for (const double value : a) sum += value * value;
  return std::sqrt(sum);
}

double relative_distance(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum) / norm(b);
}

Vector flat(const std::vector<Array>& arrays) {
  Vector all;
  for (const Array& array : arrays) {
    const Vector part = array.to_vector();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<Array> clone(const std::vector<Array>& arrays) {
  std::vector<Array> result;
  for (const Array& array : arrays) result.push_back(array.clone());
  return result;
}

void assign(const std::vector<Array>& arrays, const Vector& numbers) {
  std::size_t next = 0;
  for (const Array& array : arrays)
    for (Index i = 0; i < array.elements(); ++i) array.set(i, numbers[next++]);
}

PlannedMethod::PlannedMethod(const Model& model, const SmallData& like, Index rows,
                             std::vector<Array> parameters, const Method& method,
                             const MethodOptions& options)
    : x_(tape_.input({rows, like.x.shape()[1]}, like.x.dtype())),
      y_(like.y.rank() == 1 ? tape_.labels({rows}) : tape_.input({rows, 1}, like.y.dtype())),
      estimate_(method(
          [&](const Tensors& w) {
            const Tensor z = model(w, x_);
            return like.y.rank() == 1 ? cross_entropy(z, y_) : quarter_mse(z, y_);
          },
          model.parameters(tape_, parameters), options)),
      squared_norm_(twice::squared_norm(estimate_.plain)),
      gamma_(options.gamma),
      parameters_(std::move(parameters)),
      plan_(plan_of(estimate_, squared_norm_, method)) {}

Vector PlannedMethod::hvp() const {
  Vector result = flat(gradient());
  const Vector g = flat(plain());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = (result[i] - g[i]) / gamma_;
  return result;
}

}  // namespace twice::experiments
