// The problems of the studies: a small one, recorded and planned once and run again and again, and
// whole training runs on the handwritten digits.
#pragma once

#include "experiments/measure/gradient_error.h"
#include "experiments/run/trainer.h"
#include "experiments/studies/study.h"
#include "nn/nn.h"
#include "optim/optim.h"

namespace twice::experiments {

// ---- Long vectors ----

double norm(const Vector& a);
/// a + scale b
Vector moved(Vector a, double scale, const Vector& b);
/// Writes the numbers of `flat` back.
void assign(const std::vector<Array>& arrays, const Vector& numbers);
std::vector<Array> clone(const std::vector<Array>& arrays);

// ---- A small problem ----

/// Inputs (n, d) and either labels (n), i32, for cross-entropy, or targets (n, 1) for quarter_mse.
struct SmallData {
  Array x, y;

  /// Part `index` of the parts of `rows` rows each.
  SmallData part(Index index, Index rows) const {
    return {x.sliced(0, index * rows, rows), y.sliced(0, index * rows, rows)};
  }
};

/// x from N(0, I); each label is the class that a random linear map scores highest, and a share
/// `noise` of the labels is then replaced by a class drawn at random (which may be the same).
SmallData teacher_data(Index samples, Index inputs, Index classes, double noise, std::uint64_t seed,
                       DType dtype);

/// A tanh mlp 20-WIDTH-WIDTH-10.
Model small_mlp(Index width);

/// A method's step, planned.
class PlannedMethod {
 public:
  /// On batches of `rows` rows. `parameters` are read in place: changes to them show in the next
  /// run.
  PlannedMethod(const Model& model, const SmallData& like, Index rows,
                std::vector<Array> parameters, const std::string& method_name,
                const MethodOptions& options = {});

  /// L, g and G at the parameters as they are now, on this batch.
  void run(const SmallData& batch) { plan_.run({{x_, batch.x}, {y_, batch.y}}); }

  // Of the last run.
  double loss() const { return plan_.value(estimate_.loss).item(); }
  /// |g|^2
  double squared_norm() const { return plan_.value(squared_norm_).item(); }
  std::vector<Array> plain() const { return plan_.values(estimate_.plain); }
  std::vector<Array> gradient() const { return plan_.values(estimate_.gradient); }
  /// The penalty's part without gamma: (G - g) / gamma, the estimate of H g.
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

/// A tanh, relu, ... mlp on the digits: batch 64, momentum 0.9, cosine schedule from 0.05, float32.
RunOptions digits_run(const std::string& activation, Index width, int epochs, std::uint64_t seed);

/// The steps of such a run, which `train_run` adds to the progress.
double steps_of(const Problem& problem);

/// `test_accuracy`, `test_loss`, `train_loss` and `gradient_norm` at the end, NaN when the run
/// diverged, and `test_accuracies` after each epoch, NaN where there is none. `end` becomes the
/// state that the run ended in.
Measured train_run(StudyContext& context, const Problem& problem, const std::string& method_name,
                   ModelState* end = nullptr);

}  // namespace twice::experiments
