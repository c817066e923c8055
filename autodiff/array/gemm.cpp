// How the kernel works, after Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication" (2008). A block of op(B), up to `block_bytes` of columns of up to `depth_bytes`,
// is copied to panels, one behind the other in the order in which they are read: it stays in the L2
// cache. alpha is multiplied in here: at the end there would be two ways to round alpha x + beta c,
// and the compiler would choose. Then a register tile of C, `tile_rows` x `tile_vectors` vectors,
// walks over the block: each step of k loads a row of the panel and multiplies it by one number of
// A for each row of the tile. A's rows are read where they are, since single numbers need no order;
// A's columns (transposed) are copied first, a band at a time, for else each number would come from
// another page.
#include "autodiff/array/gemm.h"

#include "autodiff/array/parallel.h"
#include "autodiff/array/vector.h"

// Multiplications that add, on vectors of at least 256 bits.
#if defined(__AVX512F__) || defined(__FMA__)
#define TWICE_GEMM 1
#else
#define TWICE_GEMM 0
#include <cblas.h>
#endif

namespace twice {

#if TWICE_GEMM

namespace {

// In 32 registers there is room for 24 sums, 4 vectors of B and a number of A, which take only 10
// loads for 24 multiplications; in 16 registers for 12 sums, which take 8.
constexpr bool many_registers = vector_registers >= 32;
constexpr int tile_rows = 6, tile_vectors = many_registers ? 4 : 2;
constexpr Index block_bytes = (many_registers ? 768 : 256) << 10;
constexpr Index depth_bytes = many_registers ? 2048 : 1024, band_rows = 8 * tile_rows;
template <class T>
constexpr Index panel_columns = tile_vectors* full_lanes<T>;

/// Room for a block of B and a band of A: of each thread its own, so that a run need not allocate.
constexpr Index scratch_bytes = block_bytes + band_rows * depth_bytes;
alignas(64) thread_local std::byte scratch[scratch_bytes];

/// A register tile: what it reads, and the part of C that it is.
template <class T>
struct RegisterTile {
  const T* a;
  Index a_row_step, a_step;  // between rows of the tile; along k
  const T* panel;
  Index depth;
  T beta;
  T* c;
  Index ldc, last_lanes;  // lanes of the last vector that exist
};

/// C = sums + beta C for a whole tile, `ldc` between its rows.
template <class T, int rows, int vectors, class Sums>
void add_up(const Sums& sum, T beta, T* c, Index ldc) {
  using V = Vector<T, full_lanes<T>>;
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) {
      T* to = c + r * ldc + v * full_lanes<T>;
      V::store(to, beta == 0 ? sum[r][v] : sum[r][v] + V::load(to) * beta);
    }
}

template <class T, int rows, int vectors>
void compute(const RegisterTile<T>& tile) {
  constexpr int lanes = full_lanes<T>, width = vectors * lanes;
  using V = Vector<T, lanes>;
  // C is on its way while the sums are computed.
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < width; j += 64 / static_cast<int>(sizeof(T)))
      __builtin_prefetch(tile.c + r * tile.ldc + j, 1);
  typename V::Type sum[rows][vectors] = {};
  const T *a = tile.a, *panel = tile.panel;
  const Index row_step = tile.a_row_step, step = tile.a_step, depth = tile.depth;
  for (Index p = 0; p < depth; ++p, a += step, panel += vectors * lanes) {
    typename V::Type b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = V::load(panel + v * lanes);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] += b[v] * a[r * row_step];
  }
  if (tile.last_lanes == lanes) {
    // The branches on beta are here, so that there are none in between the rows.
    if (tile.beta == 0) return add_up<T, rows, vectors>(sum, T(0), tile.c, tile.ldc);
    if (tile.beta == 1) return add_up<T, rows, vectors>(sum, T(1), tile.c, tile.ldc);
    return add_up<T, rows, vectors>(sum, tile.beta, tile.c, tile.ldc);
  }
  T edge[rows * width];
  add_up<T, rows, vectors>(sum, T(0), edge, width);
  for (int r = 0; r < rows; ++r)
    for (Index j = 0; j < width - lanes + tile.last_lanes; ++j) {
      T& c = tile.c[r * tile.ldc + j];
      c = edge[r * width + j] + (tile.beta == 0 ? T(0) : tile.beta * c);
    }
}

/// `compute` for 1 to tile_rows rows. By pointer, since inlined into one function g++ keeps the
/// sums of some of them in memory.
template <class T, int vectors, int... counted>
constexpr auto compute_table(std::integer_sequence<int, counted...>) {
  return std::array{&compute<T, counted + 1, vectors>...};
}
template <class T, int vectors>
constexpr auto compute_rows =
    compute_table<T, vectors>(std::make_integer_sequence<int, tile_rows>{});
/// And for 1 to tile_vectors vectors.
template <class T, int... counted>
constexpr auto compute_tables(std::integer_sequence<int, counted...>) {
  return std::array{compute_rows<T, counted + 1>...};
}
template <class T>
constexpr auto compute_tile = compute_tables<T>(std::make_integer_sequence<int, tile_vectors>{});

/// Of two rows of a square, each of `distance`-wide blocks: the even blocks of both, or the odd
/// ones.
template <int distance, bool odd, class V, int... lane>
V blocks_of(const V& x, const V& y, std::integer_sequence<int, lane...>) {
  constexpr int lanes = sizeof...(lane), from = odd ? distance : 0;
  return __builtin_shufflevector(
      x, y, (lane & distance ? lanes + (lane ^ distance) + from : lane + from)...);
}

template <int distance, class V, std::size_t lanes>
void exchange_blocks(V (&row)[lanes]) {
  constexpr std::make_integer_sequence<int, static_cast<int>(lanes)> each;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < lanes; ++i) {
    if (i & distance) continue;
    const V x = row[i], y = row[i + distance];
    row[i] = blocks_of<distance, false>(x, y, each);
    row[i + distance] = blocks_of<distance, true>(x, y, each);
  }
}

/// to[j * to_step + i] = from[i * from_step + j] for a square as wide as a vector, in registers:
/// rows exchange ever smaller blocks.
template <class T>
void transpose_square(const T* from, Index from_step, T alpha, T* to, Index to_step) {
  constexpr int lanes = full_lanes<T>;
  using V = Vector<T, lanes>;
  typename V::Type row[lanes];
  for (int i = 0; i < lanes; ++i) row[i] = V::load(from + i * from_step) * alpha;
  if constexpr (lanes > 8) exchange_blocks<8>(row);
  if constexpr (lanes > 4) exchange_blocks<4>(row);
  exchange_blocks<2>(row);
  exchange_blocks<1>(row);
  for (int i = 0; i < lanes; ++i) V::store(to + i * to_step, row[i]);
}

/// alpha B to panels of panel_columns columns, the last one filled up with zeros to whole vectors.
/// A few rows at a time, across all panels, so that rows are read from their beginning to their
/// end.
template <class T>
void pack_rows(const T* b, Index ldb, T alpha, Index depth, Index columns, T* to) {
  constexpr Index lanes = full_lanes<T>, rows_together = 8;
  using V = Vector<T, lanes>;
  for (Index row = 0; row < depth; row += rows_together) {
    const Index last = std::min(depth, row + rows_together);
    for (Index first = 0; first < columns; first += panel_columns<T>) {
      const Index count = std::min(panel_columns<T>, columns - first),
                  whole = count / lanes * lanes;
      const Index step = ceil_div(count, lanes) * lanes;
      const T* from = b + row * ldb + first;
      T* panel = to + first * depth + row * step;
      for (Index p = row; p < last; ++p, from += ldb, panel += step) {
        for (Index j = 0; j < whole; j += lanes) V::store(panel + j, V::load(from + j) * alpha);
        if (whole < count) V::store(panel + whole, V::load(from + whole, count - whole) * alpha);
      }
    }
  }
}

/// The same of alpha B', whose columns are the rows of what is stored.
template <class T>
void pack_columns(const T* b, Index ldb, T alpha, Index depth, Index columns, T* to) {
  constexpr Index lanes = full_lanes<T>;
  for (Index first = 0; first < columns; first += panel_columns<T>) {
    const Index count = std::min(panel_columns<T>, columns - first);
    const Index step = ceil_div(count, lanes) * lanes;
    for (Index j = 0; j < step; j += lanes) {
      const T* from = b + (first + j) * ldb;
      Index p = 0;
      if (j + lanes <= count)
        for (; p + lanes <= depth; p += lanes)
          transpose_square(from + p, ldb, alpha, to + p * step + j, step);
      for (; p < depth; ++p)
        for (Index lane = 0; lane < lanes; ++lane)
          to[p * step + j + lane] = j + lane < count ? alpha * from[lane * ldb + p] : T(0);
    }
    to += depth * step;
  }
}

/// Rows of A' as stored (one for each step of k) to tiles of tile_rows: a[p * lda + r] to
/// to[r / tile_rows][p][r % tile_rows].
template <class T>
void pack_band(const T* a, Index lda, Index depth, Index rows, T* to) {
  for (Index p = 0; p < depth; ++p, a += lda, to += tile_rows) {
    // Hardware does not foresee reads that are a row of A apart.
    for (Index ahead = 0; ahead < rows; ahead += 64 / sizeof(T))
      __builtin_prefetch(a + 12 * lda + ahead);
    Index r = 0;
    for (; r + tile_rows <= rows; r += tile_rows)
      std::memcpy(to + r * depth, a + r, tile_rows * sizeof(T));
    std::copy_n(a + r, rows - r, to + r * depth);
  }
}

/// `rows` rows of C += a block of op(A) with the packed block of op(B); `tile` says what all
/// register tiles have in common, and where op(A) and C begin.
template <class T>
void multiply_block(Index rows, Index columns, bool transpose_a, Index lda, RegisterTile<T> tile,
                    const T* panels, T* band) {
  constexpr Index lanes = full_lanes<T>, width = panel_columns<T>;
  const T* a = tile.a;
  T* c = tile.c;
  for (Index i = 0; i < rows; i += tile_rows) {
    if (transpose_a) {
      if (i % band_rows == 0)
        pack_band(a + i, lda, tile.depth, std::min(band_rows, rows - i), band);
      tile.a = band + i % band_rows * tile.depth;
    } else {
      tile.a = a + i * lda;
    }
    for (Index j = 0; j < columns; j += width) {
      const Index count = std::min(width, columns - j), vectors = ceil_div(count, lanes);
      tile.panel = panels + j * tile.depth;
      tile.c = c + i * tile.ldc + j;
      tile.last_lanes = count - (vectors - 1) * lanes;
      compute_tile<T>[vectors - 1][std::min<Index>(tile_rows, rows - i) - 1](tile);
    }
  }
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc) {
  constexpr Index size = sizeof(T), width = panel_columns<T>;
  T *panels = reinterpret_cast<T*>(scratch), *band = panels + block_bytes / size;
  // Equal blocks. Those of k depend on k alone, and with them the order of a sum; there is one even
  // when k = 0, so that C becomes beta C.
  const Index blocks = std::max<Index>(1, ceil_div(k * size, depth_bytes));
  const Index depth = ceil_div(k, blocks);
  const Index widest = block_bytes / (size * width * std::max<Index>(1, depth)) * width;
  const Index across = std::max<Index>(1, ceil_div(n, widest));
  const Index step = ceil_div(ceil_div(n, across), width) * width;
  for (Index j = 0; j < n; j += step)
    for (Index block = 0; block < blocks; ++block) {
      const Index p = block * depth, columns = std::min(step, n - j);
      RegisterTile<T> tile{};
      tile.depth = std::min(depth, k - p);
      tile.a = a + (transpose_a ? p * lda : p);
      tile.a_row_step = transpose_a ? 1 : lda, tile.a_step = transpose_a ? tile_rows : 1;
      tile.c = c + j, tile.ldc = ldc;
      tile.beta = block == 0 ? beta : T(1);
      if (transpose_b)
        pack_columns(b + j * ldb + p, ldb, alpha, tile.depth, columns, panels);
      else
        pack_rows(b + p * ldb + j, ldb, alpha, tile.depth, columns, panels);
      multiply_block(m, columns, transpose_a, lda, tile, panels, band);
    }
}

const char* gemm_kernel() {
  return vector_bytes == 64 ? "twice, 512-bit vectors" : "twice, 256-bit vectors";
}

#else

namespace {

CBLAS_TRANSPOSE flag(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }

/// Outside a parallel region OpenBLAS would use threads of its own, and then its sums depend on
/// how many there are: while this lives, it has one.
class SingleThreadedBlas {
 public:
  SingleThreadedBlas() : before_(omp_in_parallel() ? 0 : threads()) {
    if (before_ > 1) set_threads(1);
  }
  ~SingleThreadedBlas() {
    if (before_ > 1) set_threads(before_);
  }
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;

 private:
  int before_;
};

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc) {
  const SingleThreadedBlas single;
  // BLAS refuses a row length of 0, which an empty sum (k = 0) has.
  const auto size = [](Index x) { return static_cast<int>(x); };
  const auto length = [](Index x) { return std::max(1, static_cast<int>(x)); };
  const auto call = [&](auto function) {
    function(CblasRowMajor, flag(transpose_a), flag(transpose_b), size(m), size(n), size(k), alpha,
             a, length(lda), b, length(ldb), beta, c, length(ldc));
  };
  if constexpr (std::is_same_v<T, float>)
    call(cblas_sgemm);
  else
    call(cblas_dgemm);
}

const char* gemm_kernel() { return "OpenBLAS"; }

#endif

template void gemm(bool, bool, Index, Index, Index, float, const float*, Index, const float*, Index,
                   float, float*, Index);
template void gemm(bool, bool, Index, Index, Index, double, const double*, Index, const double*,
                   Index, double, double*, Index);

}  // namespace twice
