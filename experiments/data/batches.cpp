// Gathering rows, and the order in which epochs visit them.
#include "experiments/data/batches.h"

#include <algorithm>
#include <numeric>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"

namespace twice::experiments {

namespace {

/// The `use` of the shuffling's random numbers: "shuffle" in ASCII, so that no counter of layers
/// or parameters meets it.
constexpr std::uint64_t shuffle_use = 0x73687566666c65;

}  // namespace

Batch make_batch(const Dataset& data, Index rows, DType dtype) {
  if (!is_float(dtype)) fail("batch", "images of dtype {}; expected f32 or f64", str(dtype));
  Shape shape = data.images.shape();
  shape[0] = rows;
  return {Array(shape, dtype), Array({rows}, DType::i32)};
}

void gather(const Dataset& data, std::span<const std::int32_t> rows, const Batch& batch) {
  const Index count = static_cast<Index>(rows.size());
  Shape expected = data.images.shape();
  expected[0] = count;
  if (!(batch.images.shape() == expected) || !(batch.labels.shape() == Shape{count}) ||
      !batch.images.contiguous() || !batch.labels.contiguous())
    fail("batch", "{} rows of {} do not fit images {} and labels {}", count, data.name,
         str(batch.images.shape()), str(batch.labels.shape()));
  for (const std::int32_t row : rows)
    if (row < 0 || row >= data.size())
      fail("batch", "row {} of {}; expected 0 to {}", row, data.name, data.size() - 1);

  const Index size = data.size() == 0 ? 0 : data.images.elements() / data.size();
  const float* const images = data.images.data<float>();
  const std::int32_t* const labels = data.labels.data<std::int32_t>();
  std::int32_t* const batch_labels = batch.labels.data<std::int32_t>();
  visit_float(batch.images.dtype(), [&]<class T>(T) {
    T* const to = batch.images.data<T>();
    const Index grain = std::max<Index>(1, elements_per_tile / std::max<Index>(size, 1));
    parallel_ranges(count, grain, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) {
        const Index row = rows[static_cast<std::size_t>(i)];
        std::copy_n(images + row * size, size, to + i * size);
        batch_labels[i] = labels[row];
      }
    });
  });
}

Batch consecutive(const Dataset& data, Index first, Index count, DType dtype) {
  if (first < 0 || count < 0 || first + count > data.size())
    fail("batch", "rows {} to {} of {}; it has {}", first, first + count - 1, data.name,
         data.size());
  Batch batch = make_batch(data, count, dtype);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first));
  gather(data, rows, batch);
  return batch;
}

std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, Index n) {
  return permutation(Rng(seed, epoch, shuffle_use), n);
}

Batches::Batches(const Dataset& data, Index rows, DType dtype, std::uint64_t seed,
                 Augmentation augmentation, std::vector<double> background)
    : data_(data),
      rows_(rows),
      seed_(seed),
      augmentation_(augmentation),
      background_(std::move(background)) {
  if (rows < 1 || rows > data.size())
    fail("batch", "a batch of {} images; expected 1 to {}, the training images of {}", rows,
         data.size(), data.name);
  per_epoch_ = data.size() / rows;
  batch_ = make_batch(data, rows, dtype);
  original_ = augmentation == Augmentation::none ? batch_.images : batch_.images.clone();
  background_.resize(static_cast<std::size_t>(data.images.shape().back()));
}

const Batch& Batches::at(Index step) {
  if (step < 0) fail("batch", "step {}; expected at least 0", step);
  const Index epoch = step / per_epoch_, first = step % per_epoch_ * rows_;
  if (epoch != epoch_) {
    order_ = epoch_order(seed_, static_cast<std::uint64_t>(epoch), data_.size());
    epoch_ = epoch;
  }
  const auto rows = std::span<const std::int32_t>(order_).subspan(static_cast<std::size_t>(first),
                                                                  static_cast<std::size_t>(rows_));
  gather(data_, rows, {original_, batch_.labels});
  if (augmentation_ != Augmentation::none)
    augment(augmentation_, {seed_, static_cast<std::uint64_t>(epoch), rows}, background_, original_,
            batch_.images);
  return batch_;
}

}  // namespace twice::experiments
