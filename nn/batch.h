// The tensors of a batch, by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice {

/// Tensors by name, such as "images" and "labels". The first holds the inputs and the second the
/// targets; more may follow.
class BatchTensors {
 public:
  BatchTensors() = default;
  explicit BatchTensors(std::vector<std::pair<std::string, Tensor>> tensors)
      : tensors_(std::move(tensors)) {}

  /// The tensor with this name. Throws, with a list of the names, if there is none.
  Tensor operator[](std::string_view name) const;
  /// The first tensor; throws if there is none.
  Tensor inputs() const { return tensors_.at(0).second; }
  /// The second tensor; throws if there is none.
  Tensor targets() const { return tensors_.at(1).second; }
  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }
  std::size_t size() const { return tensors_.size(); }

 private:
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

}  // namespace twice
