#include "autodiff/plan/passes/product_norm.h"

#include <algorithm>
#include <cmath>

#include "autodiff/kernels/matmul.h"
#include "autodiff/kernels/reduce.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

/// Rows of V that are computed at a time.
constexpr Index row_block = 64;

/// The least allowed |V|^2 / S^2. The cancellation then loses at most 8 bits of the inner products.
constexpr double least_part = 1.0 / 256;

/// The op of a product norm, whose inputs are the inner products, then A_0, B_0, A_1, B_1, ...
struct ProductNorm final : Op {
  struct Factor {
    bool transpose_a, transpose_b;
    double scale;
  };
  struct Pair {
    std::size_t u, v;
  };
  std::vector<Factor> products;
  std::vector<Pair> pairs;
  Spec result;

  std::string_view name() const override { return "norm_of_products"; }
  int input_count() const override {
    return static_cast<int>(2 * (pairs.size() + products.size()));
  }
  std::string attributes() const override {
    std::string text;
    for (const Factor& f : products)
      text += fmt::format("{}{} A{} B{}", text.empty() ? "" : " + ", f.scale,
                          f.transpose_a ? "'" : "", f.transpose_b ? "'" : "");
    return fmt::format("|{}|^2", text);
  }
  Spec infer(Specs) const override { return result; }
  std::size_t workspace(Specs x, const Spec&) const override {
    Index most = 0;
    for (const Pair& pair : pairs) most = std::max(most, x[slot(pair)].shape[0]);
    const Index columns = x[2 * pairs.size() + 1].shape[products[0].transpose_b ? 0 : 1];
    return static_cast<std::size_t>(std::max(most, row_block)) * sizeof(double) +
           static_cast<std::size_t>(row_block * columns) * size_of(result.dtype);
  }
  void run(const Inputs& x, const Array& y, std::byte* workspace) const override {
    visit_float(y.dtype(), [&]<class T>(T) {
      const double norm = from_inner_products<T>(x, workspace);
      *y.data<T>() = static_cast<T>(std::isnan(norm) ? from_rows<T>(x, workspace) : norm);
    });
  }
  /// The factors are not counted: they are read only after a failed check.
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x.first(2 * pairs.size()), y);
    cost.flops = 0;
    for (const Pair& pair : pairs)
      cost.flops += 2 * static_cast<double>(x[slot(pair)].shape.elements());
    return cost;
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor refuse() const {
    fail(name(), "is made by the planner and has no derivative rule: differentiate, then plan");
  }

 private:
  /// The slot of the left inner product of a pair.
  std::size_t slot(const Pair& pair) const {
    return 2 * static_cast<std::size_t>(&pair - pairs.data());
  }

  /// <L, R>, added up row by row.
  template <class T>
  static double dot(const Array& left, const Array& right, double* row_sums) {
    const Index rows = left.shape()[0], columns = left.shape()[1];
    const T *l = left.data<T>(), *r = right.data<T>();
    parallel_ranges(rows, std::max<Index>(1, elements_per_tile / std::max<Index>(1, columns)),
                    [&](Index first, Index last) {
                      for (Index i = first; i < last; ++i) {
                        constexpr Index lanes = 8;
                        double sums[lanes] = {};
                        const Index begin = i * columns, end = begin + columns;
                        Index j = begin;
                        for (; j + lanes <= end; j += lanes)
                          for (Index lane = 0; lane < lanes; ++lane)
                            sums[lane] +=
                                static_cast<double>(l[j + lane]) * static_cast<double>(r[j + lane]);
                        for (; j < end; ++j)
                          sums[0] += static_cast<double>(l[j]) * static_cast<double>(r[j]);
                        row_sums[i] = 0;
                        for (double sum : sums) row_sums[i] += sum;
                      }
                    });
    double sum = 0;
    for (Index i = 0; i < rows; ++i) sum += row_sums[i];
    return sum;
  }

  /// |V|^2 from the inner products; NaN if too few digits remain.
  template <class T>
  double from_inner_products(const Inputs& x, std::byte* workspace) const {
    auto* row_sums = reinterpret_cast<double*>(workspace);
    double norm = 0, sizes = 0;
    for (const Pair& pair : pairs) {
      const Array &left = x[slot(pair)], &right = x[slot(pair) + 1];
      const double scale = products[pair.u].scale * products[pair.v].scale;
      norm += (pair.u == pair.v ? 1 : 2) * scale * dot<T>(left, right, row_sums);
      if (pair.u != pair.v) continue;
      if (!kernel::in_the_middle(left) || !kernel::in_the_middle(right)) return std::nan("");
      const T *l = left.data<T>(), *r = right.data<T>();
      for (Index i = 0, k = left.shape()[0]; i < k; ++i)
        sizes += std::sqrt(static_cast<double>(l[i * k + i]) * static_cast<double>(r[i * k + i]) *
                           scale);
    }
    return std::isfinite(norm) && norm >= least_part * sizes * sizes ? norm : std::nan("");
  }

  /// |V|^2 from V as recorded, a few rows at a time; squares and their sum in f64.
  template <class T>
  double from_rows(const Inputs& x, std::byte* workspace) const {
    const std::size_t first_factor = 2 * pairs.size();
    const Array &a = x[first_factor], &b = x[first_factor + 1];
    const Index m = a.shape()[products[0].transpose_a ? 1 : 0],
                n = b.shape()[products[0].transpose_b ? 0 : 1];
    auto* sums = reinterpret_cast<double*>(workspace);
    auto* numbers = reinterpret_cast<T*>(sums + row_block);
    double norm = 0;
    for (Index first = 0; first < m; first += row_block) {
      const Index count = std::min(row_block, m - first);
      const Array block = Array::over(numbers, {count, n}, dtype_of<T>);
      for (std::size_t u = 0; u < products.size(); ++u) {
        const kernel::Product product{&x[first_factor + 2 * u], &x[first_factor + 2 * u + 1],
                                      products[u].transpose_a, products[u].transpose_b,
                                      products[u].scale};
        kernel::sum_of_products({&product, 1}, u == 0 ? 0 : 1, block, first);
      }
      parallel_for(count, [&](Index row) {
        double sum = 0;
        for (Index j = 0; j < n; ++j) {
          const auto v = static_cast<double>(numbers[row * n + j]);
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

std::vector<InnerPair> inner_pairs(const ProductSum& v) {
  std::vector<InnerPair> pairs;
  for (std::size_t i = 0; i < v.products.size(); ++i)
    for (std::size_t j = i; j < v.products.size(); ++j) {
      const ProductTerm &p = v.products[i], &q = v.products[j];
      pairs.push_back({i,
                       j,
                       {p.a, q.a, !p.transpose_a, q.transpose_a},
                       {p.b, q.b, p.transpose_b, !q.transpose_b}});
    }
  return pairs;
}

void set_product_norm(GraphNode& node, const ProductSum& v, const std::vector<int>& inner) {
  auto op = std::make_shared<ProductNorm>();
  op->result = node.spec;
  for (const InnerPair& pair : inner_pairs(v)) op->pairs.push_back({pair.u, pair.v});
  node.inputs = inner;
  for (const ProductTerm& term : v.products) {
    op->products.push_back({term.transpose_a, term.transpose_b, term.scale});
    node.inputs.insert(node.inputs.end(), {term.a, term.b});
  }
  node.op = std::move(op);
}

}  // namespace twice
