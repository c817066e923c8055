#include "optim/update_rules.h"

#include <cmath>

namespace twice {

void sgd_update(const ParameterUpdate& u) {
  const OptimizerOptions& o = u.options;
  // The constants, in the dtype of the parameter.
  const double coupled = o.decoupled ? 0 : o.weight_decay,
               kept = o.decoupled ? 1 - u.lr * o.weight_decay : 1;
  if (o.momentum > 0)
    u.each<1>([&]<class T>(T) {
      return [lr = static_cast<T>(u.lr), momentum = static_cast<T>(o.momentum),
              decay = static_cast<T>(coupled), keep = static_cast<T>(kept),
              nesterov = o.nesterov](T& w, T g, T& v) {
        const T d = g + decay * w;
        const T moved = momentum * v + d;
        const T step = nesterov ? d + momentum * moved : moved;
        v = moved;
        w = keep * w - lr * step;
      };
    });
  else
    u.each<0>([&]<class T>(T) {
      return [lr = static_cast<T>(u.lr), decay = static_cast<T>(coupled),
              keep = static_cast<T>(kept)](T& w, T g) { w = keep * w - lr * (g + decay * w); };
    });
}

namespace {

void adam(const ParameterUpdate& u, bool decoupled) {
  const OptimizerOptions& o = u.options;
  const auto t = static_cast<double>(u.step);
  u.each<2>([&]<class T>(T) {
    return [lr = static_cast<T>(u.lr), beta1 = static_cast<T>(o.beta1),
            beta2 = static_cast<T>(o.beta2),
            // Computed in f64: in f32, 1 - 0.999 has an error of 1e-5.
            rest1 = static_cast<T>(1 - o.beta1), rest2 = static_cast<T>(1 - o.beta2),
            epsilon = static_cast<T>(o.epsilon),
            decay = static_cast<T>(decoupled ? 0 : o.weight_decay),
            keep = static_cast<T>(decoupled ? 1 - u.lr * o.weight_decay : 1),
            correction1 = static_cast<T>(1 / (1 - std::pow(o.beta1, t))),
            correction2 = static_cast<T>(1 / (1 - std::pow(o.beta2, t)))](T& w, T g, T& m, T& s) {
      const T d = g + decay * w;
      const T first_moment = beta1 * m + rest1 * d;
      const T second_moment = beta2 * s + rest2 * d * d;
      m = first_moment;
      s = second_moment;
      w = keep * w -
          lr * (first_moment * correction1) / (std::sqrt(second_moment * correction2) + epsilon);
    };
  });
}

}  // namespace

void adam_update(const ParameterUpdate& u) { adam(u, false); }
void adamw_update(const ParameterUpdate& u) { adam(u, true); }

}  // namespace twice
