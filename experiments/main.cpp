// The program `twice`: the built-in problems under all commands.
#include "experiments/experiments.h"

int main(int argc, char** argv) { return twice::experiments::App().run(argc, argv); }
