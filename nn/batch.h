// The arrays of a batch on the tape, by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice {

/// Tensors by name, such as "images" and "labels". The first holds the inputs, the second the
/// targets; there may be more.
class BatchTensors {
 public:
  BatchTensors() = default;
  explicit BatchTensors(std::vector<std::pair<std::string, Tensor>> tensors)
      : tensors_(std::move(tensors)) {}

  /// The tensor of that name. Throws, listing the names, when there is none.
  Tensor operator[](std::string_view name) const;
  Tensor inputs() const { return tensors_.at(0).second; }
  Tensor targets() const { return tensors_.at(1).second; }
  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }
  std::size_t size() const { return tensors_.size(); }

 private:
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

}  // namespace twice
