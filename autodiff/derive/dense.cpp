#include "autodiff/derive/dense.h"

#include "autodiff/derive/grad.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"

namespace twice {

namespace {

/// All entries of all tensors as one vector.
Tensor flattened(const Tensors& list) {
  Tensors flat;
  for (Tensor t : list) flat.push_back(reshape(t, {t.shape().elements()}));
  return flat.size() == 1 ? flat[0] : concat(flat, 0);
}

}  // namespace

Tensor jacobian(const Tensors& y, const Tensors& x) {
  Index outputs = 0;
  for (Tensor t : y) outputs += t.shape().elements();
  if (outputs == 0) fail("jacobian", "the {} output tensors have no entries", y.size());
  if (x.empty()) fail("jacobian", "no variables were given");
  Index variables = 0;
  for (Tensor t : x) variables += t.shape().elements();
  Shape{outputs, variables}.elements();  // throws if that is more than an array may hold
  const Tensor all = flattened(y);
  Tensors rows;
  for (Index i = 0; i < outputs; ++i) rows.push_back(flattened(grad(slice(all, 0, i, i + 1), x)));
  return stack(rows);
}

Tensor hessian(Tensor f, const Tensors& x) { return jacobian(grad(f, x), x); }

Tensors gauss_newton(const Tensors& z, Tensor l, const Tensors& w, const Tensors& v) {
  check_independent("gauss_newton", z);
  const Tensors moved = push(z, w, v);
  return grad(z, w, grad(grad(l, z), z, moved));
}

}  // namespace twice
