// Linear combinations of products: the form in which the pass `accumulate` reads sums and scalings.
#pragma once

#include <functional>
#include <vector>

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// A linear combination of products and other values.
struct Combination {
  struct Term {
    ProductTerm product;
    /// The node that holds this product and that other nodes read too; `scale` is its factor in the
    /// combination. -1 if no other node reads the product.
    int kept_as = -1;
    double scale = 1;
    /// True if node `kept_as` holds further products.
    bool of_several = false;
  };
  std::vector<Term> products;
  std::vector<AddendTerm> others;
  /// The nodes that the combination replaces.
  std::vector<int> inner;
};

/// For each node: true if it is a product or a convolution, or a sum or scaling that contains one.
std::vector<char> with_products(const Graph& graph);

/// The value of `root` as a combination. Follows sums and scalings down to the products and other
/// values, through nodes without other readers (`read_once`). Sums that contain no product are kept
/// as recorded, because another order could change how their terms cancel. Scalings that must not
/// be moved (rewrite.h) are kept too.
Combination combination_of(const Graph& graph, int root, const std::vector<char>& with_products,
                           const std::function<bool(int)>& read_once);

/// Merges equal terms: those of the same value, and those whose product the same node holds.
void merge_equal(Combination& c);

}  // namespace twice
