// A memfd and its last line.
#include "experiments/run/error_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <sstream>

namespace twice::experiments {

ErrorFile::ErrorFile() : file_(::memfd_create("stderr", MFD_CLOEXEC)) {}

ErrorFile::~ErrorFile() { ::close(file_); }

std::string ErrorFile::last_line() const {
  const off_t size = ::lseek(file_, 0, SEEK_END);
  std::string text(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  if (::pread(file_, text.data(), text.size(), 0) < 0) return "";
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  return last;
}

}  // namespace twice::experiments
