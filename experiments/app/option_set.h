// The options of a command. Each option is declared once. The declaration serves the command line
// and its help, TOML files, the writing and reading of records, the axes of a sweep, and the shell
// completion.
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

/// A mistake in the call of a command. The exit status is 2.
struct UsageError : Error {
  using Error::Error;
};

/// Thrown if `--help` is among the words. The message is the help text.
struct HelpAsked : Error {
  using Error::Error;
};

/// The values that an option accepts.
struct Accepted {
  /// Returns the error in a word, such as "must be > 0, was '0'", or "" if the word is accepted.
  std::function<std::string(const std::string&)> complaint = nullptr;
  /// All accepted words, if there are few. The help lists them and the shell completes them.
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

/// Values by option name, as on the command line: "--width" has the value "256". Commas join the
/// values of a list.
using OptionWords = std::map<std::string, std::string>;

/// An option of a command: its name, its variable and its help.
struct Option {
  /// The variable that receives the value. An empty optional means no value. Only a list takes
  /// several values.
  using Target = std::variant<bool*, int*, Index*, std::uint64_t*, double*, std::string*,
                              std::vector<std::string>*, std::optional<int>*, std::optional<Index>*,
                              std::optional<std::uint64_t>*, std::optional<double>*,
                              std::optional<std::string>*>;

  std::string name;  ///< without dashes; in capitals: a positional argument
  Target target;
  std::string help = {};
  Accepted accepted = {};
  std::string group = {};     ///< the heading in the help; "": hidden
  bool stored = false;        ///< kept in records and checkpoints; may be an axis of a sweep
  bool shows_default = true;  ///< the help shows the default
  bool required = false;
  bool split = true;  ///< a list's words are split at commas
  bool bare = false;  ///< an axis over a switch; without a value the switch is on
  std::vector<std::string> excludes = {};
  std::string needs = {};  ///< the option without which this one has no meaning

  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
  bool is_switch() const { return std::holds_alternative<bool*>(target); }
  bool is_argument() const { return name[0] >= 'A' && name[0] <= 'Z'; }
  /// Null if the target is an empty optional.
  Json value() const;
  /// Sets the value. Throws UsageError, such as "--width must be ...".
  void set(const std::vector<std::string>& words) const;
};

/// The options of a command. Each is declared once, for the command line, TOML files and records.
class OptionSet {
 public:
  /// The name and purpose of the command, for its help. Both are empty in a set that only serves
  /// records.
  explicit OptionSet(std::string command = {}, std::string purpose = {});

  /// Starts a group: the heading of the options that follow, and whether they are stored.
  void group(std::string heading, bool stored = false);
  /// Declares an option. The reference is valid until the next option is declared.
  Option& add(std::string name, Option::Target target, std::string help = {},
              Accepted accepted = {});
  /// Declares an axis of a sweep: a list of values for a stored option of another set.
  void add_axis(const Option& option, std::vector<std::string>& values);
  /// Removes options that do not apply to this command.
  void remove(std::initializer_list<const char*> names);
  /// Sets the text below the options in the help.
  void footer(std::string text) { footer_ = std::move(text); }
  /// After `parse`, `given` holds the options from the command line and from the file.
  void keep_given(OptionWords& given) { given_ = &given; }

  const std::vector<Option>& options() const { return options_; }
  /// The option of that name, or null.
  const Option* find(const std::string& name) const;
  bool quiet() const { return quiet_; }
  /// The kind of kernels that --cpu names, or "".
  const std::string& cpu() const { return cpu_; }

  /// Sets the targets from the words of a command line and from the file that `--config` names. The
  /// command line takes precedence over the file. Throws UsageError with a one-line message, or
  /// HelpAsked.
  void parse(const std::vector<std::string>& words);

  /// The stored options that have a value.
  Json to_json() const;
  /// Sets the options from the output of `to_json`. Missing options keep their values. Throws
  /// JsonError if a name is not a stored option, or if the command line would refuse a value.
  void read(const Json& config) const;

 private:
  void read_file(const std::string& file, OptionWords& given) const;

  std::string command_, purpose_, footer_, group_;
  bool stored_ = false, quiet_ = false;
  std::string config_, cpu_;
  std::vector<Option> options_;
  OptionWords* given_ = nullptr;
};

/// Splits a line into words as a shell does, with quotes.
std::vector<std::string> split_words(const std::string& line);

}  // namespace twice::experiments
