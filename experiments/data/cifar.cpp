// The binary version of CIFAR: records of labels and three colour planes, which become
// channels-last pixels here.
#include "autodiff/array/error.h"
#include "autodiff/threads/parallel.h"
#include "experiments/data/loaders.h"

namespace twice::experiments {

void append_cifar(std::string_view records, std::size_t label_bytes, const std::string& name,
                  RawImages& images) {
  constexpr std::size_t side = 32, plane = side * side, channels = 3, image = channels * plane;
  const std::size_t record = label_bytes + image;
  if (records.empty() || records.size() % record != 0)
    fail("data", "{} is cut: {} bytes are no whole number of records of {}", name, records.size(),
         record);
  const std::size_t count = records.size() / record, before = images.labels.size();
  images.height = images.width = side;
  images.channels = channels;
  images.count += static_cast<Index>(count);
  images.labels.resize(before + count);
  images.pixels.resize((before + count) * image);
  parallel_ranges(static_cast<Index>(count), 64, [&](Index first, Index last) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
      const auto* from = reinterpret_cast<const unsigned char*>(records.data()) + i * record;
      images.labels[before + i] = from[label_bytes - 1];
      from += label_bytes;
      std::uint8_t* to = images.pixels.data() + (before + i) * image;
      for (std::size_t position = 0; position < plane; ++position)
        for (std::size_t channel = 0; channel < channels; ++channel)
          *to++ = from[channel * plane + position];
    }
  });
}

RawSplit load_cifar(const DataSource& source) {
  const bool fine = source.name == "cifar100";
  RawSplit split;
  split.classes = fine ? 100 : 10;
  for (const DataFile& file : source.files) {
    const bool is_test = &file == &source.files.back();
    append_cifar(verified_file(source, file, data_folder(source)), fine ? 2 : 1, file.name,
                 is_test ? split.test : split.train);
  }
  return split;
}

}  // namespace twice::experiments
