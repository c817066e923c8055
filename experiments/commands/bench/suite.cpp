// The rows of the suite.
#include "experiments/commands/bench/suite.h"

namespace twice::experiments {

const std::vector<SuiteRow>& paper_suite() {
  static const std::vector<SuiteRow> rows = {
      {"mlp", 64, 3, 32, "relu"},    {"mlp", 128, 3, 64, "relu"},   {"mlp", 512, 4, 32, "relu"},
      {"mlp", 512, 4, 128, "relu"},  {"mlp", 512, 4, 128, "tanh"},  {"mlp", 512, 4, 128, "gelu"},
      {"mlp", 512, 8, 128, "relu"},  {"mlp", 1024, 4, 32, "relu"},  {"mlp", 1024, 4, 128, "relu"},
      {"mlp", 1024, 4, 256, "relu"}, {"mlp", 1024, 4, 512, "relu"}, {"mlp", 2048, 4, 128, "relu"},
      {"mlp", 2048, 8, 64, "relu"},  {"cnn", 8, 0, 32, "relu"},     {"cnn", 8, 0, 32, "gelu"},
      {"cnn", 16, 0, 64, "relu"},    {"cnn", 16, 0, 64, "gelu"},    {"cnn", 32, 0, 64, "relu"},
      {"cnn", 32, 0, 64, "gelu"},
  };
  return rows;
}

}  // namespace twice::experiments
