// Sums, scalings and products, read as one linear combination: what the pass accumulate rewrites.
#pragma once

#include <functional>
#include <vector>

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// A linear combination of products and of other values.
struct Combination {
  struct Term {
    ProductTerm product;
    /// The node that others read too and that holds this product, and its factor in the
    /// combination; -1 when nothing else reads it.
    int kept_as = -1;
    double scale = 1;
    /// That node holds others besides.
    bool of_several = false;
  };
  std::vector<Term> products;
  std::vector<AddendTerm> others;
  /// The nodes that the combination makes superfluous.
  std::vector<int> inner;
};

/// For each node: whether it is a product or convolution, or a sum or scaling with one below it.
std::vector<char> with_products(const Graph& graph);

/// The value of `root` as a combination: follows sums and scalings down to the products and other
/// values below, through nodes that have no other reader (`read_once`). Sums without
/// a product below them stay as they were recorded: another order might not cancel as theirs does.
/// So does a scaling that may not be moved (rewrite.h).
Combination combination_of(const Graph& graph, int root, const std::vector<char>& with_products,
                           const std::function<bool(int)>& read_once);

/// Adds up terms with the same value, and those with the same product that others read too.
void merge_equal(Combination& c);

}  // namespace twice
