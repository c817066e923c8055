// Both digests come from OpenSSL's libcrypto.
#include "experiments/files/checksum.h"

#include <openssl/evp.h>

#include <array>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace {

std::string hex_digest(std::string_view bytes, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (algorithm == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr) != 1)
    fail("checksum", "libcrypto does not offer the digest (a FIPS policy forbids MD5)");
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

std::string md5(std::string_view bytes) { return hex_digest(bytes, EVP_md5()); }

std::string sha256(std::string_view bytes) { return hex_digest(bytes, EVP_sha256()); }

}  // namespace twice::experiments
