// Declares options, parses them with CLI11 and toml++, and converts them to and from JSON. No other
// file includes these two libraries.
#include "experiments/app/option_set.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "autodiff/kernels/cpu.h"

namespace twice::experiments {

namespace {

using Words = std::vector<std::string>;

/// The type of the value of a variable of type T, which may be optional.
template <class T>
using ValueOf = typename decltype(std::optional(std::declval<T>()))::value_type;

std::optional<bool> truth(const std::string& text) {
  for (const char* yes : {"true", "on", "yes", "1"})
    if (text == yes) return true;
  for (const char* no : {"false", "off", "no", "0"})
    if (text == no) return false;
  return std::nullopt;
}

Accepted number_where(std::string expected, std::function<bool(double)> fits) {
  return {[=](const std::string& text) -> std::string {
    const std::optional<double> value = parsed<double>(text);
    if (value && std::isfinite(*value) && fits(*value)) return {};
    return fmt::format("must be a finite number {}, was '{}'", expected, text);
  }};
}

/// Converts a JSON value to a word of the command line.
std::string word_of(const Json& value) {
  if (value.is_array())
    return fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string type_name(const Option& option) {
  if (option.is_switch()) return "";
  if (!option.accepted.words.empty())
    return fmt::format("{}", fmt::join(option.accepted.words, "|"));
  return std::visit(
      []<class T>(T*) -> std::string {
        if constexpr (std::is_same_v<ValueOf<T>, double>)
          return "NUMBER";
        else if constexpr (std::is_same_v<ValueOf<T>, std::string> || std::is_same_v<T, Words>)
          return "TEXT";
        else
          return "WHOLE";
      },
      option.target);
}

CLI::Option* declare(CLI::App& app, const Option& option) {
  const std::string flag = option.is_argument() ? option.name : "--" + option.name;
  CLI::Option* result = option.is_switch() ? app.add_flag(flag) : app.add_option(flag);
  result->description(option.help)->group(option.group)->required(option.required);
  if (const std::string type = type_name(option); !type.empty()) result->type_name(type);
  if (option.is_list()) {
    if (option.split) result->delimiter(',');
    result->expected(option.bare ? 0 : 1, CLI::detail::expected_max_vector_size);
    result->allow_extra_args();
  }
  if (option.shows_default && !option.is_switch())
    if (const Json value = option.value(); !value.is_null()) result->default_str(word_of(value));
  return result;
}

/// Converts a TOML value to words of the command line.
Words words_of(const toml::node& node, const std::string& where) {
  if (const toml::array* const list = node.as_array()) {
    Words words;
    for (const toml::node& element : *list)
      for (std::string& word : words_of(element, where)) words.push_back(std::move(word));
    return words;
  }
  if (const auto* text = node.as_string()) return {text->get()};
  if (const auto* integer = node.as_integer()) return {fmt::format("{}", integer->get())};
  if (const auto* number = node.as_floating_point()) return {fmt::format("{}", number->get())};
  if (const auto* boolean = node.as_boolean()) return {boolean->get() ? "true" : "false"};
  throw UsageError(
      fmt::format("{}: expected a text, a number, true, false or a list of these", where));
}

}  // namespace

std::vector<std::string> split_words(const std::string& line) {
  Words words = CLI::detail::split_up(line);
  for (std::string& word : words) CLI::detail::remove_quotes(word);
  return words;
}

Accepted whole(long long low, long long high) {
  return {[=](const std::string& text) -> std::string {
    const std::optional<long long> value = parsed<long long>(text);
    if (value && *value >= low && *value <= high) return {};
    return fmt::format("must be a whole number from {} to {}, was '{}'", low, high, text);
  }};
}

Accepted number_from(double low, double high) {
  return number_where(
      std::isinf(high) ? fmt::format(">= {}", low) : fmt::format("from {} to {}", low, high),
      [=](double value) { return value >= low && value <= high; });
}

Accepted number_above(double low) {
  return number_where(fmt::format("> {}", low), [=](double value) { return value > low; });
}

Accepted one_of(std::vector<std::string> words) {
  const auto complaint = [words](const std::string& text) -> std::string {
    if (holds(words, text)) return {};
    return fmt::format("must be one of {}, was '{}'{}", fmt::join(words, ", "), text,
                       did_you_mean(text, words));
  };
  return {complaint, std::move(words)};
}

Json Option::value() const {
  return std::visit(
      []<class T>(const T* value) -> Json {
        if constexpr (std::is_same_v<T, ValueOf<T>>)
          return *value;
        else if (*value)
          return **value;
        else
          return nullptr;
      },
      target);
}

void Option::set(const std::vector<std::string>& words) const {
  const auto refuse = [&](const std::string& complaint) {
    throw UsageError(fmt::format("{}{}: {}", is_argument() ? "" : "--", name, complaint));
  };
  if (accepted.complaint)
    for (const std::string& word : words)
      if (const std::string complaint = accepted.complaint(word); !complaint.empty())
        refuse(complaint);
  if (!is_list() && words.size() != 1)
    refuse(fmt::format("takes one value, was given '{}'", fmt::join(words, ",")));
  std::visit(
      [&]<class T>(T* value) {
        if constexpr (std::is_same_v<T, Words>) {
          *value = words;
        } else if constexpr (std::is_same_v<ValueOf<T>, std::string>) {
          *value = words[0];
        } else if constexpr (std::is_same_v<T, bool>) {
          const std::optional<bool> read = truth(words[0]);
          if (!read) refuse(fmt::format("must be true or false, was '{}'", words[0]));
          *value = *read;
        } else {
          using Number = ValueOf<T>;
          const std::optional<Number> read = parsed<Number>(words[0]);
          if (!read)
            refuse(fmt::format("must be a {}number, was '{}'",
                               std::is_integral_v<Number> ? "whole " : "", words[0]));
          *value = *read;
        }
      },
      target);
}

OptionSet::OptionSet(std::string command, std::string purpose)
    : command_(std::move(command)), purpose_(std::move(purpose)) {}

void OptionSet::group(std::string heading, bool stored) {
  group_ = std::move(heading);
  stored_ = stored;
}

Option& OptionSet::add(std::string name, Option::Target target, std::string help,
                       Accepted accepted) {
  const bool argument = std::ranges::all_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (name.empty() || name[0] == '-' ||
      (!argument && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != name.npos))
    fail("options", "'{}' cannot name an option; expected small letters, digits, - and _", name);
  if (find(name))
    fail("options", "--{} is declared twice; expected a name that no other option has", name);
  options_.push_back({.name = std::move(name),
                      .target = target,
                      .help = std::move(help),
                      .accepted = std::move(accepted),
                      .group = group_,
                      .stored = stored_});
  return options_.back();
}

void OptionSet::add_axis(const Option& option, std::vector<std::string>& values) {
  Option axis = option;
  axis.accepted.complaint = nullptr;  // each run checks its own value
  axis.bare = option.is_switch();
  if (axis.bare) axis.accepted.words = {"true", "false"};
  axis.target = &values;
  options_.push_back(std::move(axis));
}

void OptionSet::remove(std::initializer_list<const char*> names) {
  for (const char* name : names)
    std::erase_if(options_, [&](const Option& option) { return option.name == name; });
}

const Option* OptionSet::find(const std::string& name) const {
  const auto found = std::ranges::find(options_, name, &Option::name);
  return found == options_.end() ? nullptr : &*found;
}

void OptionSet::parse(const std::vector<std::string>& words) {
  group("Output");
  add("config", &config_, "TOML file with any of these options").shows_default = false;
  add("quiet", &quiet_, "Print nothing but errors");
  std::vector<std::string> kinds;
  for (const Cpu kind : built_cpus()) kinds.emplace_back(str(kind));
  add("cpu", &cpu_, "Kernels for this kind of CPU (default: the widest that this CPU runs)",
      one_of(std::move(kinds)))
      .shows_default = false;
  CLI::App app(purpose_, command_.empty() ? "" : "twice " + command_);
  app.footer(footer_);
  std::vector<std::pair<const Option*, CLI::Option*>> declared;
  for (const Option& option : options_) declared.emplace_back(&option, declare(app, option));
  try {
    Words reversed(words.rbegin(), words.rend());  // the order that CLI11 takes
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    throw HelpAsked(app.help());
  } catch (const CLI::ExtrasError& error) {
    const Words unexpected = app.remaining();
    const auto wrong = std::ranges::find_if(
        unexpected, [](const std::string& word) { return word.starts_with("--"); });
    if (wrong == unexpected.end()) throw UsageError(one_line(error.what()));
    Words names;
    for (const Option& option : options_)
      if (!option.group.empty()) names.push_back("--" + option.name);
    const std::string name = wrong->substr(0, wrong->find('='));
    throw UsageError(fmt::format("there is no option {}{}", name, did_you_mean(name, names)));
  } catch (const CLI::ArgumentMismatch& error) {
    // Such as "--seed: At Most 1 required but received 2" or "--seed: 1 required WHOLE missing".
    const std::string text = error.what();
    const bool repeated = text.find("At Most") != text.npos;
    throw UsageError(text.substr(0, text.find(':')) +
                     (repeated ? " is given more than once" : " needs a value"));
  } catch (const CLI::ParseError& error) {
    throw UsageError(one_line(error.what()));
  }

  OptionWords given;
  for (const auto& [option, parsed_option] : declared)
    if (parsed_option->count() > 0)
      given["--" + option->name] = fmt::format("{}", fmt::join(parsed_option->results(), ","));
  // The file is read first, so that the command line takes precedence.
  if (given.contains("--config")) read_file(given.at("--config"), given);
  for (const auto& [option, parsed_option] : declared) {
    if (parsed_option->count() > 1 && !option->is_list())
      throw UsageError(fmt::format("--{} is given more than once", option->name));
    if (parsed_option->count() > 0) option->set(parsed_option->results());
  }
  for (const Option& option : options_)
    for (const std::string& other : option.excludes)
      if (given.contains("--" + option.name) && given.contains("--" + other))
        throw UsageError(fmt::format("--{} excludes --{}", option.name, other));
  const Json::Array unset = {nullptr, false, 0, "", Json::array()};
  for (const Option& option : options_)
    if (given.contains("--" + option.name) && !option.needs.empty() &&
        holds(unset, find(option.needs)->value()))
      throw UsageError(fmt::format("--{} needs --{}", option.name, option.needs));
  if (given_) *given_ = std::move(given);
}

void OptionSet::read_file(const std::string& file, OptionWords& given) const {
  std::ifstream stream(file);
  if (!stream || std::filesystem::is_directory(file))
    throw UsageError(fmt::format("--config: cannot read {}", file));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}, line {}: {}", file, error.source().begin.line,
                                 one_line(std::string(error.description()))));
  }
  Words names;
  for (const Option& option : options_)
    if (!option.group.empty() && !option.is_argument() && option.name != "config")
      names.push_back(option.name);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string where = fmt::format("{}, line {}", file, node.source().begin.line);
    if (!holds(names, name))
      throw UsageError(
          fmt::format("{}: there is no option '{}'{}", where, name, did_you_mean(name, names)));
    const Words words = words_of(node, fmt::format("{}: {}", where, name));
    if (!given.try_emplace("--" + name, fmt::format("{}", fmt::join(words, ","))).second) continue;
    try {
      find(name)->set(words);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", where, error.what()));
    }
  }
}

Json OptionSet::to_json() const {
  Json json = Json::object();
  for (const Option& option : options_)
    if (option.stored)
      if (Json value = option.value(); !value.is_null()) json[option.name] = std::move(value);
  return json;
}

void OptionSet::read(const Json& config) const {
  for (const auto& [name, value] : config.members()) {
    const Option* const option = find(name);
    if (!option || !option->stored) throw JsonError(fmt::format("there is no option '{}'", name));
    if (value.is_null()) continue;
    try {
      const Words words = value.is_array() ? value.get<Words>() : Words{word_of(value)};
      if (option->is_list() || words != Words{""}) option->set(words);
    } catch (const UsageError& error) {
      throw JsonError(error.what());
    }
    if (option->value() != value)
      throw JsonError(fmt::format("--{} cannot be {}", name, value.dump()));
  }
}

}  // namespace twice::experiments
