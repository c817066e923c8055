// Checksums that prove a data set or a checkpoint is what it claims to be.
#pragma once

#include <string>
#include <string_view>

namespace twice::experiments {

/// MD5 of the bytes, 32 lower-case hexadecimal digits: the checksum that MNIST mirrors publish.
std::string md5(std::string_view bytes);

/// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace twice::experiments
