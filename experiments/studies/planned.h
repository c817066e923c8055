// A small problem with a method, recorded and planned once and run again and again: what the
// studies' loops over many steps are made of.
#pragma once

#include "autodiff/plan/plan.h"
#include "nn/nn.h"
#include "optim/optim.h"

namespace twice::experiments {

/// Inputs (n, d) and either labels (n), i32, for cross-entropy, or targets (n, 1) for quarter_mse.
struct SmallData {
  Array x, y;
};

/// x from N(0, I); each label is the class that a random linear map scores highest, and a share
/// `noise` of the labels is then replaced by a class drawn at random (which may be the same).
SmallData teacher_data(Index samples, Index inputs, Index classes, double noise, std::uint64_t seed,
                       DType dtype);

using Vector = std::vector<double>;
double norm(const Vector& a);
/// |a - b| / |b|
double relative_distance(const Vector& a, const Vector& b);
/// All entries, one array after the other, as f64.
Vector flat(const std::vector<Array>& arrays);

class PlannedMethod {
 public:
  /// Plans the method's step on batches of `rows` rows. `parameters` are read in place: changes to
  /// them show in the next run.
  PlannedMethod(const Model& model, const SmallData& like, Index rows,
                std::vector<Array> parameters, const Method& method,
                const MethodOptions& options = {});

  /// L, g and G at the parameters as they are now, on this batch.
  void run(const Array& x, const Array& y) { plan_.run({{x_, x}, {y_, y}}); }
  void run(const SmallData& batch) { run(batch.x, batch.y); }

  // Of the last run.
  double loss() const { return plan_.value(estimate_.loss).item(); }
  /// |g|^2
  double squared_norm() const { return plan_.value(squared_norm_).item(); }
  std::vector<Array> plain() const { return plan_.values(estimate_.plain); }
  std::vector<Array> gradient() const { return plan_.values(estimate_.gradient); }
  /// What was penalised, without gamma: (G - g) / gamma, the estimate of H g.
  Vector hvp() const;

  const std::vector<Array>& parameters() const { return parameters_; }

 private:
  Tape tape_;
  Tensor x_, y_;
  Estimate estimate_;
  Tensor squared_norm_;
  double gamma_;
  std::vector<Array> parameters_;
  Plan plan_;
};

std::vector<Array> clone(const std::vector<Array>& arrays);
/// Writes the numbers of `flat` back.
void assign(const std::vector<Array>& arrays, const Vector& numbers);

}  // namespace twice::experiments
