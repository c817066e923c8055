// The algorithm follows Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (2008). A block of op(B), of at most `depth_bytes` in k and `block_bytes` in all, is copied into
// panels, in the order in which they are read. The block stays in the L2 cache. The copy is
// multiplied by alpha. If alpha were multiplied at the end, the compiler could round alpha x + beta
// c in two ways.
//
// A register tile of C, of `tile_rows` x `tile_vectors` vectors, then moves over the block. Each
// step of k loads a row of the panel and multiplies it by one number of A for each row of the tile.
// Rows of A are read in place, unless they crowd into a few sets of the L1 cache. Columns of A
// (transposed) are copied first, a band at a time; otherwise each element would touch a different
// page. Blocks with the same k range run in sequence if they share copies of A. Otherwise blocks
// with the same columns run in sequence, and C stays in the cache.
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
/// Bytes for the copies of A that the blocks of one k range share: about 512 rows.
constexpr Index copies_bytes = 11 * band_rows * (depth_bytes + 64);
/// True if the L2 cache has room for the next block's part of B beside this block.
constexpr bool brings_next = !many_registers;

/// Memory for the block and the copies. Each thread has its own, so a run allocates nothing.
constexpr Index scratch_bytes = block_bytes + copies_bytes;
alignas(64) thread_local std::byte scratch[scratch_bytes];

/// A register tile: its inputs, and its part of C.
template <class T>
struct RegisterTile {
  const T* a;
  Index lda;  // between rows that are not packed
  const T* panel;
  Index depth;
  T beta;
  T* c;
  Index ldc, last_lanes;  // last_lanes: lanes of the last vector that exist
};

/// C = sums + beta C for a whole tile, whose rows are `ldc` apart.
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

/// Computes one register tile. If `packed`, its rows of A come from a band, otherwise from A
/// itself.
template <class T, bool packed, int rows, int vectors>
void compute(const RegisterTile<T>& tile) {
  constexpr int lanes = full_lanes<T>, width = vectors * lanes;
  using V = Vector<T, lanes>;
  // Prefetches C while the sums are computed.
  for (int r = 0; r < rows; ++r)
    for (Index j = 0; j < width; j += line<T>) __builtin_prefetch(tile.c + r * tile.ldc + j, 1);
  typename V::Type sum[rows][vectors] = {};
  const T *a = tile.a, *panel = tile.panel;
  const Index row_step = packed ? 1 : tile.lda, step = packed ? tile_rows : 1;
  const T* const end = panel + tile.depth * width;
  // Unrolled because the loop's own instructions cost time: the two hardware threads of a core
  // share its instructions per cycle.
#pragma GCC unroll 4
  for (; panel != end; a += step, panel += width) {
    typename V::Type b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = V::load(panel + v * lanes);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] += b[v] * a[r * row_step];
  }
  if (tile.last_lanes == lanes) {
    // The branches on beta are outside the loop over rows.
    if (tile.beta == 0) return add_up<T, rows, vectors>(sum, T(0), tile.c, tile.ldc);
    if (tile.beta == 1) return add_up<T, rows, vectors>(sum, T(1), tile.c, tile.ldc);
    return add_up<T, rows, vectors>(sum, tile.beta, tile.c, tile.ldc);
  }
  // An edge tile goes through a whole tile, so that its numbers are rounded like all others.
  T edge[rows * width] = {};
  const Index count = width - lanes + tile.last_lanes;
  if (tile.beta != 0)
    for (int r = 0; r < rows; ++r) std::copy_n(tile.c + r * tile.ldc, count, edge + r * width);
  add_up<T, rows, vectors>(sum, tile.beta, edge, width);
  for (int r = 0; r < rows; ++r) std::copy_n(edge + r * width, count, tile.c + r * tile.ldc);
}

/// Pointers to `compute` for 1 to tile_rows rows. If all were inlined into one function, g++ would
/// keep some of the sums in memory.
template <class T, bool packed, int vectors, int... counted>
constexpr auto compute_table(std::integer_sequence<int, counted...>) {
  return std::array{&compute<T, packed, counted + 1, vectors>...};
}
template <class T, bool packed, int vectors>
constexpr auto compute_rows =
    compute_table<T, packed, vectors>(std::make_integer_sequence<int, tile_rows>{});
/// The same for 1 to tile_vectors vectors.
template <class T, bool packed, int... counted>
constexpr auto compute_tables(std::integer_sequence<int, counted...>) {
  return std::array{compute_rows<T, packed, counted + 1>...};
}
template <class T, bool packed>
constexpr auto compute_tile =
    compute_tables<T, packed>(std::make_integer_sequence<int, tile_vectors>{});

/// A part of B that is prefetched into the L2 cache a few lines at a time. A product is too short
/// to hide the latency of memory, and the hardware does not predict where a block begins.
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

/// How A is read: rows in place, copies of rows with a larger distance, or copies of bands of
/// columns.
enum class Reading { rows, copied_rows, bands };

template <class T>
struct Copies {
  Reading reading;
  bool make;   // true if the copies must still be made
  Index kept;  // rows of op(A) that fit
  T* at;
};

/// Adds a block of op(A) times a packed block of op(B) to `rows` rows of C. `tile` has the
/// arguments that all register tiles share, and the start of op(A) and C. In row i only the columns
/// below i + 1 + `beyond` are computed. Prefetches `next` meanwhile.
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

/// The best way to read `rows` rows of A that `blocks` blocks share. Rows whose distance `lda` is a
/// multiple of a page share few sets of the L1 cache. Copies are worthwhile if enough blocks read
/// them and the L2 cache cannot hold the original.
template <class T>
Reading best_reading(bool transpose_a, Index lda, Index rows, Index depth, Index blocks) {
  constexpr Index page = 4096, least_blocks = 4, size = sizeof(T);
  if (transpose_a) return Reading::bands;
  const bool crowded = lda * size % page == 0 && rows * depth * size >= block_bytes;
  return crowded && blocks >= least_blocks ? Reading::copied_rows : Reading::rows;
}

template <class T>
void multiply(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
              Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool lower) {
  if (m == 0 || n == 0) return;
  constexpr Index size = sizeof(T), width = panel_columns<T>;
  T *panels = reinterpret_cast<T*>(scratch), *copies = panels + block_bytes / size;
  // Blocks of equal size. The cut of k, and with it the order of each sum, depends only on k. There
  // is one block even if k = 0, so that C becomes beta C.
  const Index blocks = std::max<Index>(1, ceil_div(k * size, depth_bytes));
  const Index depth = ceil_div(k, blocks);
  const Index widest = block_bytes / (size * width * std::max<Index>(1, depth)) * width;
  const Index step = ceil_div(ceil_div(n, ceil_div(n, widest)), width) * width;
  const Index across = ceil_div(n, step);

  // As many rows at a time as there is memory for copies. A single block needs only one band.
  const Reading reading = best_reading<T>(transpose_a, lda, m, depth, across);
  const bool copied = reading != Reading::rows;
  const Index room = copies_bytes / (size * (depth + line<T>)) / band_rows * band_rows;
  const Index together = copied ? room : m, kept = across > 1 ? room : band_rows;
  struct Block {
    Index p, j, depth, columns;  // k range from p; columns from j
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

}  // namespace

const char* gemm_kernel() {
  return vector_bytes == 64   ? "twice, 512-bit vectors"
         : vector_bytes == 32 ? "twice, 256-bit vectors"
                              : "twice, 128-bit vectors";
}

#else

namespace {

CBLAS_TRANSPOSE flag(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }

/// Limits OpenBLAS to one thread while it lives. Outside a parallel region OpenBLAS would use its
/// own threads, and the sums would depend on their number.
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

template <class T>
void multiply(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
              Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool) {
  const SingleThreadedBlas single;
  // BLAS rejects a row length of 0, which occurs for an empty sum (k = 0).
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

}  // namespace

const char* gemm_kernel() { return "OpenBLAS"; }

#endif

// Specializations and not instantiations: their symbols are strong, which for_each_cpu.cmake reads.
template <>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, float alpha,
          const float* a, Index lda, const float* b, Index ldb, float beta, float* c, Index ldc,
          bool lower) {
  multiply(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, lower);
}
template <>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, double alpha,
          const double* a, Index lda, const double* b, Index ldb, double beta, double* c, Index ldc,
          bool lower) {
  multiply(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, lower);
}

}  // namespace twice::kernel
