// Laws that a grader checks, each in a process of its own: an answer that crashes or does not end
// breaks one law, and the grader goes on.
#pragma once

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lab {

/// Thrown when a law is broken. The text says where, the expected value, and the value found.
struct Broken {
  std::string text;
};

/// Both numbers as text, with enough digits to differ if the numbers differ.
inline std::pair<std::string, std::string> digits(double a, double b) {
  a += 0.0, b += 0.0;  // -0 becomes 0
  for (int precision = 6;; ++precision) {
    const std::string first = fmt::format("{:.{}g}", a, precision),
                      second = fmt::format("{:.{}g}", b, precision);
    if (first != second || precision == 17) return {first, second};
  }
}

/// `expected 2, found 3`
inline std::string expected_found(double expected, double found) {
  const auto [first, second] = digits(expected, found);
  return fmt::format("expected {}, found {}", first, second);
}

/// `1 cotangent`, `2 cotangents`
inline std::string counted(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// The reason why a process ended with this signal.
inline std::string reason(int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGBUS:
      return "it reads or writes outside its memory";
    case SIGABRT:
      return "it called abort, or it damaged allocated memory";
    case SIGFPE:
      return "an integer was divided by 0";
    case SIGKILL:
      return "it was killed, perhaps because no memory was left";
    default:
      return fmt::format("signal {}", signal);
  }
}

struct Law {
  std::string title;
  std::function<void()> check;  // throws when the law is broken
};

/// Prints one line for the law. True if the law holds.
inline bool holds(const Law& law) {
  constexpr unsigned seconds = 5;
  const auto print = [&](const std::string& broken) {
    if (broken.empty())
      fmt::print("ok      {}\n", law.title);
    else
      fmt::print("broken  {}: {}\n", law.title, broken);
    std::fflush(stdout);
    return broken.empty();
  };
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return print("no process could be started");
  if (child == 0) {
    alarm(seconds);
    std::string broken;
    try {
      law.check();
    } catch (const Broken& found) {
      broken = found.text;
    } catch (const std::exception& error) {
      broken = fmt::format("expected no error, found: {}", error.what());
    } catch (...) {
      broken = "expected no error, found an exception";
    }
    _exit(print(broken) ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
  return print(WTERMSIG(status) == SIGALRM
                   ? fmt::format("the answer did not end within {} seconds", seconds)
                   : fmt::format("the answer crashed: {}", reason(WTERMSIG(status))));
}

/// Checks all laws. The exit status of the grader: 0 if all hold, else 1.
inline int grade(const std::vector<Law>& laws) {
  int broken = 0;
  for (const Law& law : laws) broken += holds(law) ? 0 : 1;
  if (broken == 0)
    fmt::print("All {} laws hold.\n", laws.size());
  else
    fmt::print("{} of {} laws are broken.\n", broken, laws.size());
  return broken == 0 ? 0 : 1;
}

}  // namespace lab
