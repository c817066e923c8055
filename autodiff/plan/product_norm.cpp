// Inner products of the factors in f64, and a check of what they leave.
#include "autodiff/plan/product_norm.h"

#include <algorithm>
#include <cmath>

#include "autodiff/array/matmul.h"
#include "autodiff/array/parallel.h"

namespace twice {

namespace {

/// Rows of V that are computed together where the recorded order is taken.
constexpr Index row_block = 64;

/// The least part of (sum |a_i||b_i|)^2 that |V|^2 may be, a_i and b_i being the columns of A and
/// the rows of B: the inner products then have 5 digits at least, where V in f32 has one.
constexpr double least_part = 1e-11;

/// The inputs of a node with this op: A_0, B_0, A_1, B_1, ...
struct ProductNorm final : Op {
  struct Factor {
    bool transpose_a, transpose_b;
    double scale;
  };
  std::vector<Factor> products;
  Spec result;

  std::string_view name() const override { return "norm_of_products"; }
  int input_count() const override { return static_cast<int>(2 * products.size()); }
  std::string attributes() const override {
    std::string text;
    for (const Factor& f : products)
      text += fmt::format("{}{} A{} B{}", text.empty() ? "" : " + ", f.scale,
                          f.transpose_a ? "'" : "", f.transpose_b ? "'" : "");
    return fmt::format("|{}|^2", text);
  }
  Spec infer(Specs) const override { return result; }

  Index inner_size(const Shape& a, std::size_t u) const {
    return a[products[u].transpose_a ? 0 : 1];
  }
  Index columns(const Shape& b) const { return b[products[0].transpose_b ? 0 : 1]; }
  Index rows(const Shape& a) const { return a[products[0].transpose_a ? 1 : 0]; }

  std::size_t workspace(Specs x, const Spec&) const override {
    Index numbers = 0, most = 0;
    for (std::size_t u = 0; u < products.size(); ++u) {
      numbers += x[2 * u].shape.elements() + x[2 * u + 1].shape.elements();
      most = std::max(most, inner_size(x[2 * u].shape, u));
    }
    const auto doubles = static_cast<std::size_t>(numbers + 2 * most * most + 2 * most);
    const auto block = static_cast<std::size_t>(row_block * (columns(x[1].shape) + 1));
    return std::max(doubles * sizeof(double), block * sizeof(double));
  }

  void run(const Inputs& x, const Array& y, std::byte* workspace) const override {
    double norm = from_inner_products(x, workspace);
    if (std::isnan(norm)) norm = from_rows(x, workspace);
    *y.data<float>() = static_cast<float>(norm);
  }

  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = 0;
    for (std::size_t u = 0; u < products.size(); ++u)
      for (std::size_t v = u; v < products.size(); ++v) {
        const auto m = static_cast<double>(rows(x[0].shape) + columns(x[1].shape)),
                   k = static_cast<double>(inner_size(x[2 * u].shape, u)),
                   l = static_cast<double>(inner_size(x[2 * v].shape, v));
        cost.flops += (u == v ? m * k * (k + 1) : 2 * m * k * l) + 2 * k * l;
        cost.small_products += 2;
      }
    return cost;
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor refuse() const { fail(name(), "is made by the planner: differentiate, then plan"); }

 private:
  /// <L, R> of two (k, l) matrices: sums of rows, added up in their order.
  static double dot(const Array& left, const Array& right, double* row_sums) {
    const Index rows = left.shape()[0], columns = left.shape()[1];
    const double *l = left.data<double>(), *r = right.data<double>();
    parallel_ranges(rows, std::max<Index>(1, elements_per_tile / std::max<Index>(1, columns)),
                    [&](Index first, Index last) {
                      for (Index i = first; i < last; ++i) {
                        double sum = 0;
                        for (Index j = 0; j < columns; ++j)
                          sum += l[i * columns + j] * r[i * columns + j];
                        row_sums[i] = sum;
                      }
                    });
    double sum = 0;
    for (Index i = 0; i < rows; ++i) sum += row_sums[i];
    return sum;
  }

  /// NaN where too few digits are left.
  double from_inner_products(const Inputs& x, std::byte* workspace) const {
    auto* memory = reinterpret_cast<double*>(workspace);
    const auto taken = [&](Index numbers) {
      double* place = memory;
      memory += numbers;
      return place;
    };
    Index most = 0;
    for (std::size_t u = 0; u < products.size(); ++u)
      most = std::max(most, inner_size(x[2 * u].shape(), u));
    double *const left = taken(most * most), *const right = taken(most * most),
                  *const sums = taken(most);
    const double* const copies = memory;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float* from = x[i].data<float>();
      double* to = taken(x[i].elements());
      parallel_ranges(x[i].elements(), elements_per_tile, [&](Index first, Index last) {
        std::copy(from + first, from + last, to + first);
      });
    }
    const auto factor = [&](std::size_t i) {
      Index before = 0;
      for (std::size_t j = 0; j < i; ++j) before += x[j].elements();
      return Array::over(const_cast<double*>(copies + before), x[i].shape(), DType::f64);
    };
    double norm = 0, sizes = 0;
    for (std::size_t u = 0; u < products.size(); ++u)
      for (std::size_t v = u; v < products.size(); ++v) {
        const Factor &f = products[u], &g = products[v];
        const Array a = factor(2 * u), b = factor(2 * u + 1);
        const Index k = inner_size(a.shape(), u), l = inner_size(x[2 * v].shape(), v);
        const Array aa = Array::over(left, {k, l}, DType::f64),
                    bb = Array::over(right, {k, l}, DType::f64);
        if (u == v) {
          gram(a, !f.transpose_a, 1, aa);
          gram(b, f.transpose_b, 1, bb);
          for (Index i = 0; i < k; ++i)
            sizes += std::abs(f.scale) * std::sqrt(left[i * k + i] * right[i * k + i]);
        } else {
          const Array c = factor(2 * v), d = factor(2 * v + 1);
          matmul(a, c, !f.transpose_a, g.transpose_a, aa);
          matmul(b, d, f.transpose_b, !g.transpose_b, bb);
        }
        norm += (u == v ? 1 : 2) * f.scale * g.scale * dot(aa, bb, sums);
      }
    return std::isfinite(norm) && norm >= least_part * sizes * sizes && norm > 0
               ? norm
               : std::numeric_limits<double>::quiet_NaN();
  }

  /// V in f32, as it was recorded, a few rows at a time; squares and their sum in f64.
  double from_rows(const Inputs& x, std::byte* workspace) const {
    const Index m = rows(x[0].shape()), n = columns(x[1].shape());
    auto* sums = reinterpret_cast<double*>(workspace);
    auto* numbers = reinterpret_cast<float*>(sums + row_block);
    double norm = 0;
    for (Index first = 0; first < m; first += row_block) {
      const Index count = std::min(row_block, m - first);
      const Array block = Array::over(numbers, {count, n}, DType::f32);
      for (std::size_t u = 0; u < products.size(); ++u) {
        const Product product{&x[2 * u], &x[2 * u + 1], products[u].transpose_a,
                              products[u].transpose_b, products[u].scale};
        sum_of_products({&product, 1}, u == 0 ? 0 : 1, block, first);
      }
      parallel_for(count, [&](Index row) {
        double sum = 0;
        for (Index j = 0; j < n; ++j) {
          const double v = numbers[row * n + j];
          sum += v * v;
        }
        sums[row] = sum;
      });
      for (Index row = 0; row < count; ++row) norm += sums[row];
    }
    return norm;
  }
};

}  // namespace

bool has_product_norm(const GraphNode& node) { return node.spec.dtype == DType::f32; }

double product_norm_time(const Graph& graph, const ProductSum& v) {
  GraphNode node;
  set_product_norm(node, v);
  return 2 * node.op->cost(graph.input_specs(node), {{}, DType::f32}).flops;
}

void set_product_norm(GraphNode& node, const ProductSum& v) {
  auto op = std::make_shared<ProductNorm>();
  op->result = node.spec;
  node.inputs.clear();
  for (const ProductTerm& term : v.products) {
    op->products.push_back({term.transpose_a, term.transpose_b, term.scale});
    node.inputs.insert(node.inputs.end(), {term.a, term.b});
  }
  node.op = std::move(op);
}

}  // namespace twice
