// Tests child processes: their input and output, their ends, and that none is left running.
#include "experiments/files/process.h"

#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>

using namespace twice;
using namespace twice::experiments;

namespace {

Process shell(const std::string& script, const ProcessOptions& options = {}) {
  return Process({"sh", "-c", script}, options);
}

/// False for a process that has ended, even if its parent has not waited for it yet.
bool runs(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  return !text.empty() && text.find(") Z") == std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(processes)

BOOST_AUTO_TEST_CASE(lines_are_answered_by_lines) {
  Process process = shell("while read line; do echo \"<$line>\"; done; echo end");
  for (const std::string line : {"one", "two words", ""}) {
    process.write_line(line);
    BOOST_TEST(process.read_line().value() == "<" + line + ">");
  }
  BOOST_TEST(!process.poll());
}

BOOST_AUTO_TEST_CASE(input_output_and_errors_of_any_length) {
  const std::string much(1 << 20, 'x');
  Process process = shell("cat; cat >&2 <<END\nfirst\nlast\n\nEND\nexit 3", {.input = much});
  BOOST_TEST((process.read_all() == much));
  BOOST_TEST(process.wait() == 3);
  BOOST_TEST(process.errors() == "first\nlast\n\n");
  BOOST_TEST(process.ending() == "status 3: last");
  process.write_line("lost");  // writing after the reader has ended is no error
}

BOOST_AUTO_TEST_CASE(output_that_is_dropped_blocks_nothing) {
  Process process = shell("yes | head -c 1000000", {.drop_output = true});
  BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(folder_and_environment) {
  ::setenv("TWICE_TEST_OLD", "old", 1);
  Process process =
      shell("pwd; echo $TWICE_TEST_OLD-$TWICE_TEST_NEW",
            {.environment = {{"TWICE_TEST_OLD", {}}, {"TWICE_TEST_NEW", "new"}}, .folder = "/usr"});
  BOOST_TEST(process.read_all() == "/usr\n-new\n");
  ::unsetenv("TWICE_TEST_OLD");
}

BOOST_AUTO_TEST_CASE(a_signal_is_a_negative_status) {
  Process process = shell("echo $$; sleep 60");
  process.read_line();
  process.stop();
  BOOST_TEST(process.wait() == -SIGTERM);
  BOOST_TEST(process.ending() == "signal 15: no reason given");
}

BOOST_AUTO_TEST_CASE(a_program_that_cannot_start_is_reported) {
  for (const auto& [program, reason] : {std::pair("/no/such/program", ENOENT), {"/usr", EACCES}}) {
    try {
      Process process({program});
      BOOST_ERROR("started");
    } catch (const CannotStart& error) {
      BOOST_TEST(error.reason == reason);
      BOOST_TEST(std::string(error.what()).find(program) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_end_of_the_object_ends_the_whole_group) {
  pid_t child, grandchild;
  {
    Process process = shell("sleep 60 & echo $$ $!; wait");
    std::istringstream line(process.read_line().value());
    line >> child >> grandchild;
    BOOST_TEST(runs(child));
    BOOST_TEST(runs(grandchild));
  }
  BOOST_TEST(!runs(child));
  for (int i = 0; i < 100 && runs(grandchild); ++i) ::usleep(10000);
  BOOST_TEST(!runs(grandchild));
}

BOOST_AUTO_TEST_CASE(reading_can_be_given_up) {
  Process process = shell("sleep 60");
  BOOST_TEST(!process.read_line([] { return true; }));
  BOOST_TEST(process.cpu_seconds() < 1);
}

BOOST_AUTO_TEST_SUITE_END()
