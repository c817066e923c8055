// The options of a command, each declared once. From the declaration follow the command line and
// its help, TOML files, records and what is read back from them, the axes of a sweep, and the
// shell's completion.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "autodiff/array/shape.h"
#include "experiments/files/json.h"
#include "experiments/files/words.h"

namespace twice::experiments {

/// A mistake in how a command was called: exit status 2.
struct UsageError : Error {
  using Error::Error;
};

/// `--help` was among the words; the text is the help.
struct HelpAsked : Error {
  using Error::Error;
};

/// The values that an option accepts.
struct Accepted {
  /// What is wrong with a word, such as "must be > 0, was '0'"; "" if nothing.
  std::function<std::string(const std::string&)> complaint = nullptr;
  /// All accepted words, where they are few: the help shows them and the shell completes them.
  std::vector<std::string> words = {};
};

/// A whole number from `low` to `high`, in decimal digits.
Accepted whole(long long low, long long high);
/// A finite number from `low` to `high`.
Accepted number_from(double low, double high = std::numeric_limits<double>::infinity());
/// A finite number above `low`.
Accepted number_above(double low);
/// One of these words.
Accepted one_of(std::vector<std::string> words);

/// Options as words of the command line, by name ("--width" and "256"; a list is joined by commas).
using OptionWords = std::map<std::string, std::string>;

/// An option of a command: its name, its variable and its help.
struct Option {
  /// Where the value goes. An optional that is empty has no value; only lists take several.
  using Target = std::variant<bool*, int*, Index*, std::uint64_t*, double*, std::string*,
                              std::vector<std::string>*, std::optional<int>*, std::optional<Index>*,
                              std::optional<std::uint64_t>*, std::optional<double>*,
                              std::optional<std::string>*>;

  std::string name;  ///< without dashes; in capitals: an argument without a name
  Target target;
  std::string help = {};
  Accepted accepted = {};
  std::string group = {};     ///< its heading in the help; "": not shown
  bool stored = false;        ///< part of a run: in records and checkpoints, and an axis of sweeps
  bool shows_default = true;  ///< the help tells the default
  bool required = false;
  bool split = true;  ///< a list's words are split at commas
  bool bare = false;  ///< an axis over a switch, which is on where no value is given
  std::vector<std::string> excludes = {};

  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
  bool is_switch() const { return std::holds_alternative<bool*>(target); }
  bool is_argument() const { return name[0] >= 'A' && name[0] <= 'Z'; }
  /// Null where an optional is empty.
  Json value() const;
  /// Sets the value. Throws UsageError: "--width must be ...".
  void set(const std::vector<std::string>& words) const;
};

/// The options of a command. Each is declared once, for the command line, TOML files and records.
class OptionSet {
 public:
  /// What the help says of the command; "" for a set that only stores.
  explicit OptionSet(std::string command = {}, std::string purpose = {});

  /// The heading of the options that follow, and whether they are stored.
  void group(std::string heading, bool stored = false);
  /// Declares an option. The reference is good until the next one is declared.
  Option& add(std::string name, Option::Target target, std::string help = {},
              Accepted accepted = {});
  /// An axis over the values of a stored option of another set.
  void add_axis(const Option& option, std::vector<std::string>& values);
  /// Takes back options that do not apply to this command.
  void remove(std::initializer_list<const char*> names);
  /// Shown below the options.
  void footer(std::string text) { footer_ = std::move(text); }
  /// After `parse`, `given` holds the options that the words or the file gave.
  void keep_given(OptionWords& given) { given_ = &given; }

  const std::vector<Option>& options() const { return options_; }
  /// The option of that name, or null.
  const Option* find(const std::string& name) const;
  bool quiet() const { return quiet_; }

  /// Sets the targets from the words of a command line and from the file that `--config` names,
  /// where the command line has no say. Throws UsageError with one line, and HelpAsked.
  void parse(const std::vector<std::string>& words);

  /// The stored options that have a value.
  Json to_json() const;
  /// Sets what `to_json` wrote; options that are not there stay as they are. Throws JsonError for a
  /// name that is no stored option and for a value that the command line would refuse.
  void read(const Json& config) const;

 private:
  void read_file(const std::string& file, OptionWords& given) const;

  std::string command_, purpose_, footer_, group_;
  bool stored_ = false, quiet_ = false;
  std::string config_;
  std::vector<Option> options_;
  OptionWords* given_ = nullptr;
};

/// A line as a shell would split it, quotes and all.
std::vector<std::string> split_words(const std::string& line);

/// The whole of `text` as a decimal number; nothing when it is none.
std::optional<double> parse_number(const std::string& text);

}  // namespace twice::experiments
