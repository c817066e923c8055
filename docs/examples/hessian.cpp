// The gradient and the Hessian of Rosenbrock's function, and Newton's method.
//
//   f = (1 - x)^2 + 100 (y - x^2)^2,   (x, y) <- (x, y) - H^-1 g
//
// The gradient g has the first derivatives of f, and the Hessian H the second ones. A Newton step
// goes to the stationary point of the quadratic function that has the same f, g and H here. Six
// steps reach the minimum, (1, 1). Gradient descent needs thousands.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

int main() {
  Tape tape;
  const Array at_x = Array::scalar(-1.2, DType::f64), at_y = Array::scalar(1, DType::f64);
  const Tensor x = tape.parameter(at_x, "x"), y = tape.parameter(at_y, "y");
  const Tensor f = square(1 - x) + 100 * square(y - square(x));
  const Tensors g = grad(f, {x, y});
  const Tensor H = hessian(f, {x, y});

  Plan plan{f, g, H};
  for (int step = 0; step <= 6; ++step) {
    plan.run();
    const double g_x = plan.value(g[0]).item(), g_y = plan.value(g[1]).item();
    const std::vector<double> h = plan.value(H).to_vector();  // by rows: xx, xy, yx, yy
    if (step == 0) {
      fmt::print("g = ({:.1f}, {:.1f})\n", g_x, g_y);
      fmt::print("H = ({:.1f}, {:.1f}; {:.1f}, {:.1f})\n", h[0], h[1], h[2], h[3]);
    }
    fmt::print("step {}: f({:6.3f}, {:6.3f}) = {:.3f}\n", step, at_x.item(), at_y.item(),
               plan.value(f).item());

    // The step s solves H s = g, here by Cramer's rule. The plan's next run reads the new x and y.
    const double determinant = h[0] * h[3] - h[1] * h[2];
    at_x.set(0, at_x.item() - (h[3] * g_x - h[1] * g_y) / determinant);
    at_y.set(0, at_y.item() - (h[0] * g_y - h[2] * g_x) / determinant);
  }
}

// Prints:
// g = (-215.6, -88.0)
// H = (1330.0, 480.0; 480.0, 200.0)
// step 0: f(-1.200,  1.000) = 24.200
// step 1: f(-1.175,  1.381) = 4.732
// step 2: f( 0.763, -3.175) = 1411.845
// step 3: f( 0.763,  0.583) = 0.056
// step 4: f( 1.000,  0.944) = 0.313
// step 5: f( 1.000,  1.000) = 0.000
// step 6: f( 1.000,  1.000) = 0.000
