// Tests the choice of the kernels: every kind that runs here computes the same numbers up to
// rounding, and each kind the same bits every time.
#include "autodiff/kernels/cpu.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/gemm.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/plan/plan.h"

using namespace twice;

namespace {

struct KeptCpu {
  ~KeptCpu() { set_cpu(before); }
  Cpu before = cpu();
};

Array normal(const Shape& shape, DType dtype, std::uint64_t seed) {
  const Array numbers(shape, dtype);
  fill_normal(Rng(seed), 0, 1, numbers);
  return numbers;
}

/// The weight gradients of a small network with convolution, pooling, tanh and softmax.
std::vector<double> gradients(DType dtype) {
  Tape tape;
  const Tensor x = tape.parameter(normal({2, 9, 9, 3}, dtype, 1), "x"),
               kernel = tape.parameter(normal({3, 3, 3, 5}, dtype, 2), "kernel"),
               w = tape.parameter(normal({5 * 4 * 4, 7}, dtype, 3), "w");
  const Tensor features = max_pool2d(tanh(conv2d(x, kernel, {.padding = 1})), {2, 2, 0});
  const Array labels({2}, DType::i32);
  labels.data<std::int32_t>()[0] = 2, labels.data<std::int32_t>()[1] = 5;
  const Tensor loss =
      cross_entropy(matmul(reshape(features, {2, 5 * 4 * 4}), w), tape.constant(labels));
  const Tensors g = grad(loss, {x, kernel, w});
  Plan plan(g);
  plan.run();
  std::vector<double> numbers;
  for (const Tensor& tensor : g) {
    const Array value = plan.value(tensor).cast(DType::f64);
    numbers.insert(numbers.end(), value.data<double>(), value.data<double>() + value.elements());
  }
  return numbers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpus)

BOOST_AUTO_TEST_CASE(the_widest_kind_is_last) {
  const std::vector<Cpu> usable = usable_cpus();
  BOOST_REQUIRE(!usable.empty());
  BOOST_TEST(std::ranges::is_sorted(usable));
  for (const Cpu kind : usable) BOOST_TEST(!str(kind).empty());
}

BOOST_AUTO_TEST_CASE(all_kinds_agree_and_each_has_its_own_bits) {
  const KeptCpu kept;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::vector<std::vector<double>> found;
    for (int round = 0; round < 2; ++round)
      for (const Cpu kind : usable_cpus()) {
        set_cpu(kind);
        BOOST_TEST((cpu() == kind));
        found.push_back(gradients(dtype));
      }
    const std::size_t kinds = found.size() / 2;
    const double tolerance = dtype == DType::f32 ? 2e-5 : 1e-13;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      BOOST_TEST(found[kind] == found[kinds + kind]);
      if (kind > 0) BOOST_TEST(found[kind] != found[0]);  // so the choice has an effect
      double largest = 0;
      for (std::size_t i = 0; i < found[0].size(); ++i)
        largest = std::max(largest, std::abs(found[kind][i] - found[0][i]));
      BOOST_TEST(largest < tolerance);
    }
  }
}

BOOST_AUTO_TEST_CASE(each_kind_has_its_product_kernel) {
  const KeptCpu kept;
  std::set<std::string> names;
  for (const Cpu kind : usable_cpus()) {
    set_cpu(kind);
    names.insert(kernel::gemm_kernel());
  }
  BOOST_TEST(names.size() == usable_cpus().size());
}

BOOST_AUTO_TEST_CASE(unknown_kinds_are_refused) {
  const auto says = [](const std::string& text) {
    return [=](const Error& error) { return std::string(error.what()).starts_with(text); };
  };
  BOOST_CHECK_EXCEPTION(set_cpu("mmx"), Error, says("[cpu] no kernels for 'mmx' exist; expected "));
  for (const char* name : {"native", "avx512"})
    if (std::ranges::find(usable_cpus(), name, [](Cpu kind) { return str(kind); }) ==
        usable_cpus().end())
      BOOST_CHECK_EXCEPTION(set_cpu(name), Error,
                            says(fmt::format("[cpu] no kernels for '{}' run here", name)));
}

BOOST_AUTO_TEST_SUITE_END()
