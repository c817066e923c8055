// Matrix products: cutting C into tiles, each computed by one thread.
#include "autodiff/kernels/matmul.h"

#include "autodiff/kernels/gemm.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

namespace {

// The largest tile of C. Its rows of op(A) stay in a shared cache while blocks of columns use them.
constexpr Index largest_rows = 512, largest_columns = 1024;
// The smallest tile: its sides, and its number of multiplications.
constexpr Index smallest_side = 64, least_work = 1 << 19;
// The cost of fetching an element of op(A) or op(B) for the kernel, in multiplications. Each tile
// fetches its rows and columns again.
constexpr Index fetching = 24;

struct TileSize {
  Index rows, columns;
};

/// The side of `count` tiles of equal size, in whole vectors. A narrow last tile would leave its
/// thread without work.
Index tile_side(Index size, Index count, Index largest) {
  count = std::max(std::min(count, size / smallest_side), ceil_div(size, largest));
  return std::min(size, (ceil_div(size, count) + 15) / 16 * 16);
}

// Tiles for each of several threads. With one tile each, a late thread would find no work left.
// With more, the cost of fetching exceeds the gain.
constexpr Index tiles_each = 2;

/// The cut that finishes first with `workers` tiles at a time. With our kernel the number of
/// threads does not affect the bits (gemm.h). With OpenBLAS the cut does not depend on the number
/// of threads.
TileSize tile_size(Index m, Index n, Index k) {
  const Index workers = !own_gemm ? 8 : threads() == 1 ? 1 : tiles_each * threads();
  const Index wanted = std::clamp<Index>(m * n * k / least_work, 1, workers);
  TileSize best{};
  for (Index down = 1, least = 0; down <= wanted; ++down) {
    const TileSize size{tile_side(m, down, largest_rows),
                        tile_side(n, ceil_div(wanted, down), largest_columns)};
    const Index tiles = ceil_div(m, size.rows) * ceil_div(n, size.columns);
    const Index cost = ceil_div(tiles, workers) *
                       (size.rows * size.columns + fetching * (size.rows + size.columns));
    if (down == 1 || cost <= least) least = cost, best = size;
  }
  return best;
}

/// A tile of C: rows from `row` and columns from `column`.
struct Tile {
  Index row, column, rows, columns;
};

Index inner_size(const Product& p) { return p.a->shape()[p.transpose_a ? 0 : 1]; }

/// One tile of C = beta C + scale op(A) op(B), where C starts at (row, column) of the product. With
/// `lower`, the tile begins on the diagonal and only elements on or below it are computed.
template <class T>
void product_tile(const Product& p, double beta, const Array& c, const Tile& tile, Index row,
                  Index column, bool lower = false) {
  const Index lda = p.a->shape()[1], ldb = p.b->shape()[1], ldc = c.strides()[0];
  row += tile.row;
  column += tile.column;
  gemm<T>(p.transpose_a, p.transpose_b, tile.rows, tile.columns, inner_size(p),
          static_cast<T>(p.scale), p.a->data<T>() + (p.transpose_a ? row : row * lda), lda,
          p.b->data<T>() + (p.transpose_b ? column * ldb : column), ldb, static_cast<T>(beta),
          c.data<T>() + tile.row * ldc + tile.column, ldc, lower);
}

/// Copies the elements below the diagonal of C to above it, so C is exactly symmetric. Copies a few
/// rows at a time; they stay in the cache while they are read column by column.
template <class T>
void mirror(const Array& c, const Tile& tile) {
  constexpr Index rows_together = 16;
  const Index n = c.shape()[1], end = tile.row + tile.rows;
  T* data = c.data<T>();
  for (Index first = tile.row; first < end; first += rows_together)
    for (Index j = tile.column; j < tile.column + tile.columns; ++j)
      for (Index i = std::max(first, j + 1); i < std::min(first + rows_together, end); ++i)
        data[j * n + i] = data[i * n + j];
}

}  // namespace

void sum_of_products(std::span<const Product> products, double beta, const Array& c,
                     Index first_row, Index first_column) {
  const Index m = c.shape()[0], n = c.shape()[1];
  if (m == 0 || n == 0) return;
  Index k = 0;
  for (const Product& p : products) k += inner_size(p);
  const TileSize size = tile_size(m, n, k);
  const Index columns = ceil_div(n, size.columns), tiles = ceil_div(m, size.rows) * columns;
  visit_float(c.dtype(), [&]<class T>(T) {
    parallel_for(tiles, [&](Index index) {
      const Index row = index / columns * size.rows, column = index % columns * size.columns;
      const Tile tile{row, column, std::min(size.rows, m - row),
                      std::min(size.columns, n - column)};
      double before = beta;
      for (const Product& p : products) {
        product_tile<T>(p, before, c, tile, first_row, first_column);
        before = 1;
      }
    });
  });
}

void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& c) {
  const Product product{&a, &b, transpose_a, transpose_b, 1};
  sum_of_products({&product, 1}, 0, c);
}

void gram(const Array& a, bool transpose, double scale, const Array& c) {
  const Index m = c.shape()[0];
  if (m == 0) return;
  const Product product{&a, &a, transpose, !transpose, scale};
  // Narrow columns of tiles give every thread enough tiles. A kernel that ignores `lower` then
  // wastes little work above the diagonal.
  const Index side = m * m * inner_size(product) < least_work ? m : m <= 128 ? 32 : 64;
  const Index columns = ceil_div(m, side);
  visit_float(c.dtype(), [&]<class T>(T) {
    parallel_for(columns, [&](Index index) {
      // Long columns alternate with short ones, because one thread often computes neighbours.
      const Index column = (index % 2 == 0 ? index / 2 : columns - 1 - index / 2) * side;
      const Tile tile{column, column, m - column, std::min(side, m - column)};
      product_tile<T>(product, 0, c, tile, 0, 0, true);
      mirror<T>(c, tile);
    });
  });
}

}  // namespace twice::kernel
