// A program that uses the installed library: prints the shape of an array.
#include <fmt/format.h>

#include "autodiff/array/array.h"

int main() {
  const twice::Array images = twice::Array::zeros({128, 784}, twice::DType::f32);
  fmt::print("{}\n", twice::str(images.shape()));
}
