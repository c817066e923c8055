// How the kernel works, after Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication" (2008). A block of op(B), up to `block_bytes` of columns of up to `depth_bytes`,
// is copied to panels, one behind the other in the order in which they are read: it stays in the L2
// cache. alpha is multiplied in here: at the end there would be two ways to round alpha x + beta c,
// and the compiler would choose. Then a register tile of C, `tile_rows` x `tile_vectors` vectors,
// walks over the block: each step of k loads a row of the panel and multiplies it by one number of
// A for each row of the tile. A's rows are read where they are, since single numbers need no order,
// unless they crowd into a few sets of the L1 cache; A's columns (transposed) are copied first, a
// band at a time: otherwise each number would come from another page. Blocks of one k follow each
// other where they share such copies; else those of the same columns do, and C stays near.
#include "autodiff/kernels/gemm.h"

#include "autodiff/kernels/gemm_pack.h"

#if !TWICE_GEMM
#include <cblas.h>
#include <omp.h>
#endif

namespace twice::kernel {

#if TWICE_GEMM

namespace {

constexpr Index block_bytes = (many_registers ? 768 : 192) << 10;
constexpr Index depth_bytes = many_registers ? 2048 : 1024, band_rows = 8 * tile_rows;
/// Copies of A that are kept for the blocks of one k: about 512 rows.
constexpr Index copies_bytes = 11 * band_rows * (depth_bytes + 64);
/// Whether the next block's numbers of B, as stored, have room in the L2 cache beside this block.
constexpr bool brings_next = !many_registers;

/// Room for both: of each thread its own, so that a run need not allocate.
constexpr Index scratch_bytes = block_bytes + copies_bytes;
alignas(64) thread_local std::byte scratch[scratch_bytes];

/// A register tile: what it reads, and the part of C that it is.
template <class T>
struct RegisterTile {
  const T* a;
  Index lda;  // between its rows, where they are not packed
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

/// `packed`: the tile's rows are those of a band, else rows of A where they are.
template <class T, bool packed, int rows, int vectors>
void compute(const RegisterTile<T>& tile) {
  constexpr int lanes = full_lanes<T>, width = vectors * lanes;
  using V = Vector<T, lanes>;
  // C is on its way while the sums are computed.
  for (int r = 0; r < rows; ++r)
    for (Index j = 0; j < width; j += line<T>) __builtin_prefetch(tile.c + r * tile.ldc + j, 1);
  typename V::Type sum[rows][vectors] = {};
  const T *a = tile.a, *panel = tile.panel;
  const Index row_step = packed ? 1 : tile.lda, step = packed ? tile_rows : 1;
  const T* const end = panel + tile.depth * width;
  // What is not a load or a multiplication costs time where a core's two hardware threads are both
  // at work, since they share its instructions per cycle.
#pragma GCC unroll 4
  for (; panel != end; a += step, panel += width) {
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
  // By way of a whole tile, so that a number is rounded here as in any other place.
  T edge[rows * width] = {};
  const Index count = width - lanes + tile.last_lanes;
  if (tile.beta != 0)
    for (int r = 0; r < rows; ++r) std::copy_n(tile.c + r * tile.ldc, count, edge + r * width);
  add_up<T, rows, vectors>(sum, tile.beta, edge, width);
  for (int r = 0; r < rows; ++r) std::copy_n(edge + r * width, count, tile.c + r * tile.ldc);
}

/// `compute` for 1 to tile_rows rows. By pointer, since inlined into one function g++ keeps the
/// sums of some of them in memory.
template <class T, bool packed, int vectors, int... counted>
constexpr auto compute_table(std::integer_sequence<int, counted...>) {
  return std::array{&compute<T, packed, counted + 1, vectors>...};
}
template <class T, bool packed, int vectors>
constexpr auto compute_rows =
    compute_table<T, packed, vectors>(std::make_integer_sequence<int, tile_rows>{});
/// And for 1 to tile_vectors vectors.
template <class T, bool packed, int... counted>
constexpr auto compute_tables(std::integer_sequence<int, counted...>) {
  return std::array{compute_rows<T, packed, counted + 1>...};
}
template <class T, bool packed>
constexpr auto compute_tile =
    compute_tables<T, packed>(std::make_integer_sequence<int, tile_vectors>{});

/// A part of B as stored, brought to the L2 cache a few lines at a time: memory takes longer to
/// answer than a product can wait for, and hardware does not foresee where a block begins.
template <class T>
struct Ahead {
  const T* row = nullptr;
  Index rows = 0, columns = 0, ld = 0, column = 0;

  Index lines() const { return rows * ceil_div(columns, line<T>); }
  void bring(Index count) {
    while (count > 0 && rows > 0) {
      const Index end = std::min(columns, column + count * line<T>);
      count -= ceil_div(end - column, line<T>);
      for (; column < end; column += line<T>) __builtin_prefetch(row + column, 0, 2);
      if (column >= columns) column = 0, row += ld, --rows;
    }
  }
};

/// How A is read: row by row where it is, or from copies, of rows a little further apart or of
/// bands of columns.
enum class Reading { rows, copied_rows, bands };

template <class T>
struct Copies {
  Reading reading;
  bool make;   // they are yet to be made
  Index kept;  // rows of op(A) that have room
  T* at;
};

/// `rows` rows of C += a block of op(A) with the packed block of op(B); `tile` says what all
/// register tiles have in common, and where op(A) and C begin. Of row i only the columns below
/// i + 1 + `beyond` are asked for. Meanwhile brings `next`.
template <class T>
void multiply_block(Index rows, Index columns, Index beyond, const Copies<T>& copies,
                    RegisterTile<T> tile, const T* panels, Ahead<T> next) {
  constexpr Index lanes = full_lanes<T>, width = panel_columns<T>;
  const bool bands = copies.reading == Reading::bands;
  const auto& kernels = bands ? compute_tile<T, true> : compute_tile<T, false>;
  const T* a = tile.a;
  T* c = tile.c;
  const Index lda = tile.lda;
  if (copies.reading == Reading::copied_rows) tile.lda = tile.depth + line<T>;
  const Index lines = ceil_div(next.lines(), ceil_div(rows, tile_rows) * ceil_div(columns, width));
  for (Index i = 0; i < rows; i += tile_rows) {
    const Index height = std::min<Index>(tile_rows, rows - i);
    const Index needed = std::min(columns, i + height + beyond);
    T* copy = copies.at + i % copies.kept * (bands ? tile.depth : tile.lda);
    tile.a = copies.reading == Reading::rows ? a + i * lda : copy;
    if (bands && copies.make && i % band_rows == 0)
      pack_band(a + i, lda, tile.depth, std::min(band_rows, rows - i), copy);
    if (copies.reading == Reading::copied_rows && copies.make)
      for (Index r = 0; r < height; ++r)
        std::copy_n(a + (i + r) * lda, tile.depth, copy + r * tile.lda);
    for (Index j = 0; j < needed; j += width) {
      next.bring(lines);
      const Index count = std::min(width, columns - j), vectors = ceil_div(count, lanes);
      tile.panel = panels + j * tile.depth;
      tile.c = c + i * tile.ldc + j;
      tile.last_lanes = count - (vectors - 1) * lanes;
      kernels[vectors - 1][height - 1](tile);
    }
  }
}

/// How to read A, `lda` apart, of which `blocks` blocks with the same columns need so many rows: a
/// multiple of a page apart, rows share few sets of the L1 cache. Copies pay when enough blocks
/// read them, and the L2 cache does not hold what they are made of.
template <class T>
Reading best_reading(bool transpose_a, Index lda, Index rows, Index depth, Index blocks) {
  constexpr Index page = 4096, least_blocks = 4, size = sizeof(T);
  if (transpose_a) return Reading::bands;
  const bool crowded = lda * size % page == 0 && rows * depth * size >= block_bytes;
  return crowded && blocks >= least_blocks ? Reading::copied_rows : Reading::rows;
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool lower) {
  if (m == 0 || n == 0) return;
  constexpr Index size = sizeof(T), width = panel_columns<T>;
  T *panels = reinterpret_cast<T*>(scratch), *copies = panels + block_bytes / size;
  // Equal blocks. Those of k depend on k alone, and with them the order of a sum; there is one even
  // when k = 0, so that C becomes beta C.
  const Index blocks = std::max<Index>(1, ceil_div(k * size, depth_bytes));
  const Index depth = ceil_div(k, blocks);
  const Index widest = block_bytes / (size * width * std::max<Index>(1, depth)) * width;
  const Index step = ceil_div(ceil_div(n, ceil_div(n, widest)), width) * width;
  const Index across = ceil_div(n, step);

  // Rows go together while their copies have room; a block alone needs no more of them than a band.
  const Reading reading = best_reading<T>(transpose_a, lda, m, depth, across);
  const bool copied = reading != Reading::rows;
  const Index room = copies_bytes / (size * (depth + line<T>)) / band_rows * band_rows;
  const Index together = copied ? room : m, kept = across > 1 ? room : band_rows;
  struct Block {
    Index p, j, depth, columns;  // of k from p, of columns from j
  };
  const auto block = [&](Index index) -> Block {
    const Index p = (copied ? index / across : index % blocks) * depth;
    const Index j = (copied ? index % across : index / blocks) * step;
    return {p, j, std::min(depth, k - p), std::min(step, n - j)};
  };
  const auto stored = [&](const Block& x) -> Ahead<T> {
    if (transpose_b) return {b + x.j * ldb + x.p, x.columns, x.depth, ldb};
    return {b + x.p * ldb + x.j, x.depth, x.columns, ldb};
  };
  for (Index i = 0; i < m; i += together)
    for (Index index = 0; index < blocks * across; ++index) {
      const Block x = block(index);
      RegisterTile<T> tile{};
      tile.depth = x.depth;
      tile.a = a + (transpose_a ? x.p * lda + i : i * lda + x.p);
      tile.lda = lda;
      tile.c = c + i * ldc + x.j, tile.ldc = ldc;
      tile.beta = x.p == 0 ? beta : T(1);
      const T* from = stored(x).row;
      if (transpose_b)
        pack_columns(from, ldb, alpha, x.depth, x.columns, panels);
      else
        pack_rows(from, ldb, alpha, x.depth, x.columns, panels);
      const bool more = brings_next && index + 1 < blocks * across;
      multiply_block(std::min(together, m - i), x.columns, lower ? i - x.j : x.columns,
                     Copies<T>{reading, x.j == 0, kept, copies}, tile, panels,
                     more ? stored(block(index + 1)) : Ahead<T>{});
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
  SingleThreadedBlas() : before_(omp_in_parallel() ? 0 : omp_get_max_threads()) {
    if (before_ > 1) omp_set_num_threads(1);
  }
  ~SingleThreadedBlas() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;

 private:
  int before_;
};

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool) {
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
                   float, float*, Index, bool);
template void gemm(bool, bool, Index, Index, Index, double, const double*, Index, const double*,
                   Index, double, double*, Index, bool);

}  // namespace twice::kernel
