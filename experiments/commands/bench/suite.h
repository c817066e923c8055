// The models of `./twice bench --suite paper`.
#pragma once

#include <string_view>
#include <vector>

namespace twice::experiments {

/// A model and a batch; `size` is the width of an mlp and the channels of a cnn, and a cnn has no
/// choice of depth.
struct SuiteRow {
  std::string_view model;
  int size, depth, batch;
  std::string_view activation;
};

/// Small, wide and deep mlps on 784 inputs and cnns on 32 x 32 x 3 images, with batches far below,
/// about and above the width: what exact GR costs beside finite differences depends on that.
const std::vector<SuiteRow>& paper_suite();

}  // namespace twice::experiments
