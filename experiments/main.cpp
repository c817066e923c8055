// The program `twice` with its built-in models, data sets and losses.
#include "experiments/experiments.h"

int main(int argc, char** argv) { return twice::experiments::App().run(argc, argv); }
