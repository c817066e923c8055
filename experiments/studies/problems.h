// The problems of the studies: a small problem that is recorded and planned once and run many
// times, and whole training runs on the handwritten digits.
#pragma once

#include "experiments/measure/gradient_error.h"
#include "experiments/run/trainer.h"
#include "experiments/studies/study.h"
#include "nn/nn.h"
#include "optim/optim.h"

namespace twice::experiments {

// ---- Long vectors ----

double dot(const Vector& a, const Vector& b);
double norm(const Vector& a);
/// a + scale b
Vector moved(Vector a, double scale, const Vector& b);
/// Copies the long vector `numbers` into the arrays.
void assign(const std::vector<Array>& arrays, const Vector& numbers);
std::vector<Array> clone(const std::vector<Array>& arrays);

// ---- A small problem ----

/// Inputs (n, d) with labels (n), i32, for cross-entropy, or with targets (n, 1) for quarter_mse.
struct SmallData {
  Array x, y;

  /// Part number `index` of the data, where each part has `rows` rows.
  SmallData part(Index index, Index rows) const {
    return {x.sliced(0, index * rows, rows), y.sliced(0, index * rows, rows)};
  }
};

/// x is from N(0, I). Each label is the class with the highest score under a random linear map. A
/// share `noise` of the labels is then replaced by random classes, which may be the same class.
SmallData teacher_data(Index samples, Index inputs, Index classes, double noise, std::uint64_t seed,
                       DType dtype);

/// A tanh mlp 20-WIDTH-WIDTH-10.
Model small_mlp(Index width);

/// A method's step, planned.
class PlannedMethod {
 public:
  /// Plans the step for batches of `rows` rows. Reads `parameters` in place, so the next run uses
  /// their current values.
  PlannedMethod(const Model& model, const SmallData& like, Index rows,
                std::vector<Array> parameters, const std::string& method_name,
                const MethodOptions& options = {});

  /// Computes ℒ, g and G on this batch, at the current parameters.
  void run(const SmallData& batch) { plan_.run({{x_, batch.x}, {y_, batch.y}}); }

  // Results of the last run.
  double loss() const { return plan_.value(estimate_.loss).item(); }
  /// |g|^2
  double squared_norm() const { return plan_.value(squared_norm_).item(); }
  std::vector<Array> plain() const { return plan_.values(estimate_.plain); }
  std::vector<Array> gradient() const { return plan_.values(estimate_.gradient); }
  /// The estimate of H g, which is the penalty's part without gamma: (G - g) / gamma.
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

// ---- Training on the digits ----

/// The options of a run that trains an mlp with this activation on the digits: batch 64, momentum
/// 0.9, cosine schedule from 0.05, float32. The study has the settings `width` and `epochs`.
RunOptions digits_run(const StudyContext& context, const std::string& activation,
                      std::uint64_t seed);

/// The number of steps of a run on this problem. `train_run` adds its steps to the progress.
double steps_of(const Problem& problem);

/// `test accuracy`, `test loss` and `gradient norm` after each epoch. They are NaN from the epoch
/// on in which the run diverged. `end` receives the final state.
Measured train_run(StudyContext& context, const Problem& problem, const std::string& method_name,
                   ModelState* end = nullptr);

}  // namespace twice::experiments
