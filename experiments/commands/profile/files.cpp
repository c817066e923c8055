// Writes benchmarks, comma-separated values, stacks and a timeline from a record.
#include "experiments/commands/profile/files.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <set>

#include "autodiff/array/error.h"
#include "experiments/commands/profile/page.h"
#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

// The steps follow one another, starting at 0. In whole nanoseconds, rounding neither makes two
// steps overlap nor loses time.
long long begin_ns(const Json& step) { return std::llround(number(step, "start_ms") * 1e6); }
long long end_ns(const Json& step) {
  return std::llround((number(step, "start_ms") + number(step, "ms")) * 1e6);
}

/// The tape nodes of the forward ops of a step and of the ops that are fused in it.
std::vector<Json> forward_nodes(const Json& step) {
  std::vector<Json> nodes = {member(member(step, "forward"), "node")};
  for (const Json& part : objects(step, "members")) nodes.push_back(member(part, "forward_node"));
  return nodes;
}

/// The details that a trace viewer shows after a click on a step.
Json arguments_of(const Json& step) {
  Json arguments = Json::object();
  for (const char* key : {"index", "op", "attributes", "layer", "inputs", "output", "share", "flop",
                          "bytes", "products", "gflops", "gbs", "intensity", "bound", "bound_share",
                          "live_bytes", "offset", "in_place"})
    if (const Json& value = member(step, key); !value.is_null() && value != "")
      arguments[key] = value;
  if (const Json& forward = member(step, "forward"); forward.is_object())
    arguments["forward op"] =
        text(forward, "op") + " " + text(forward, "shape") + ", node " + text(forward, "node");
  return arguments;
}

}  // namespace

Json report_json(const Json& record) {
  const Json& machine = member(record, "machine");
  Json caches = Json::array(), benchmarks = Json::array();
  for (const Json& cache : objects(machine, "caches"))
    caches.push_back({{"type", member(cache, "type")},
                      {"level", member(cache, "level")},
                      {"size", member(cache, "bytes")},
                      {"num_sharing", member(cache, "shared_by")}});
  const Json context = {
      {"date", fmt::format("{:%Y-%m-%dT%H:%M:%S+00:00}", fmt::gmtime(std::time(nullptr)))},
      {"executable", "twice profile"},
      {"num_cpus", member(machine, "cores")},
      {"caches", caches},
      {"library_version", "twice " + text(record, "version")},
      {"library_build_type", "release"},
      {"json_schema_version", 1},
      {"cpu_time", "not measured; a copy of real_time"}};
  const std::vector<Json> rows = objects(record, "rows");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string name = text(rows[i], "name");
    // Times are in microseconds, because google/benchmark's compare.py shows no decimals.
    std::vector<double> samples;
    for (const Json& sample : member(rows[i], "samples_ms"))
      if (sample.is_number()) samples.push_back(1e3 * sample.get<double>());
    const auto add = [&](const std::string& suffix, double time, const Json& more) {
      benchmarks.push_back({{"name", name + suffix},
                            {"family_index", i},
                            {"per_family_instance_index", 0},
                            {"run_name", name},
                            {"label", text(record, "model")},
                            {"repetitions", samples.size()},
                            {"threads", member(machine, "threads")},
                            {"time_unit", "us"},
                            {"real_time", time},
                            {"cpu_time", time}});
      benchmarks.back().update(more);
    };
    for (std::size_t k = 0; k < samples.size(); ++k)
      add("", samples[k], {{"run_type", "iteration"}, {"repetition_index", k}, {"iterations", 1}});
    if (samples.size() < 2) continue;
    const double center = mean(samples), spread = standard_deviation(samples);
    for (const auto& [aggregate, value] : {std::pair{"mean", center},
                                           {"median", median(samples)},
                                           {"stddev", spread},
                                           {"cv", spread / center}})
      add(std::string("_") + aggregate, value,
          {{"run_type", "aggregate"},
           {"aggregate_name", aggregate},
           {"aggregate_unit", aggregate == std::string("cv") ? "percentage" : "time"},
           {"iterations", samples.size()}});
  }
  return {{"context", context}, {"benchmarks", benchmarks}, {"twice", record}};
}

std::string ops_csv(const Json& record) {
  const std::vector<Column> columns = columns_of("ops.csv");
  std::vector<std::string> cells;
  for (const Column& column : columns) cells.push_back(column.heading);
  std::string csv = csv_line(cells);
  for (const Json& op : objects(record, "ops")) {
    cells.clear();
    for (const Column& column : columns) {
      const Json& value = member(op, column.key);
      const double factor = column.heading.ends_with("%") ? 100 : 1;
      cells.push_back(value.is_null() ? ""
                      : value.is_float() || factor != 1
                          ? fmt::format("{}", number(op, column.key) * factor)
                          : show(value));
    }
    csv += csv_line(cells);
  }
  return csv;
}

std::string collapsed_stacks(const Json& record) {
  const auto frame = [](const Json& object, const char* key) {
    return replace_all(one_line(text(object, key)), ";", ",");
  };
  std::vector<std::pair<std::string, long long>> stacks;
  for (const Json& step : objects(record, "steps")) {
    const std::string stack = frame(record, is_plan(record) ? "model" : "method") + ";" +
                              frame(step, "phase") + ";" + frame(step, "layer") + ";" +
                              frame(step, "label");
    auto found = std::ranges::find(stacks, stack, &std::pair<std::string, long long>::first);
    if (found == stacks.end()) found = stacks.insert(found, {stack, 0});
    found->second += end_ns(step) - begin_ns(step);
  }
  std::string lines;
  for (const auto& [stack, nanoseconds] : stacks)
    lines += fmt::format("{} {}\n", stack, nanoseconds);
  return lines;
}

Json chrome_trace(const Json& record) {
  const std::vector<Json> steps = objects(record, "steps");
  Json events = Json::array();
  const auto add = [&](const char* kind, const std::string& name, int lane, Json more) {
    events.push_back({{"ph", kind}, {"name", name}, {"pid", 1}, {"tid", lane}});
    events.back().update(more);
  };
  const auto microseconds = [](long long ns) { return static_cast<double>(ns) / 1e3; };
  add("M", "process_name", 0, {{"args", {{"name", "twice profile: " + text(record, "model")}}}});
  // The whole step first, then the phases in the order in which they first run.
  std::vector<std::string> lanes = distinct(steps, "phase");
  lanes.insert(lanes.begin(), "step");
  for (int lane = 1; const std::string& name : lanes) {
    add("M", "thread_name", lane, {{"args", {{"name", name}}}});
    add("M", "thread_sort_index", lane, {{"args", {{"sort_index", lane - 1}}}});
    ++lane;
  }
  constexpr int whole = 1;
  const auto lane_of = [&](const Json& step) {
    return 1 + static_cast<int>(std::ranges::find(lanes, text(step, "phase")) - lanes.begin());
  };
  const auto slice = [&](const std::string& name, const std::string& category, int at,
                         long long begin, long long end, const Json& more) {
    add("X", name, at,
        {{"cat", category}, {"ts", microseconds(begin)}, {"dur", microseconds(end - begin)}});
    events.back().update(more);
  };
  const auto counter = [&](long long at, const Json& bytes) {
    add("C", "live bytes", whole, {{"ts", microseconds(at)}, {"args", {{"arena", bytes}}}});
  };
  const long long end = steps.empty() ? 0 : end_ns(steps.back());
  slice(profiled(record), "step", whole, 0, end, Json::object());
  for (const Json& step : steps) {
    slice(text(step, "label"), text(step, "phase"), lane_of(step), begin_ns(step), end_ns(step),
          {{"args", arguments_of(step)}});
    counter(begin_ns(step), member(step, "live_bytes"));
  }
  counter(end, 0);

  // The arrows start and end inside their slices, at the middles.
  int arrow = 0;
  const auto end_of_arrow = [&](const char* kind, const Json& step) {
    const double middle = microseconds((begin_ns(step) + end_ns(step)) / 2);
    add(kind, "spawned", lane_of(step), {{"cat", "origin"}, {"id", arrow}, {"ts", middle}});
  };
  std::map<Json, const Json*> forward;  // the step that runs each forward op
  for (const Json& step : steps) {
    std::set<const Json*> sources;
    for (const Json& node : forward_nodes(step)) {
      if (text(step, "phase") == "forward") forward.emplace(node, &step);
      if (const auto at = forward.find(node); at != forward.end()) sources.insert(at->second);
    }
    for (const Json* source : sources) {
      if (begin_ns(*source) >= begin_ns(step)) continue;
      ++arrow;
      end_of_arrow("s", *source);
      end_of_arrow("f", step);
      events.back()["bp"] = "e";
    }
  }
  return {{"traceEvents", events},
          {"displayTimeUnit", "ns"},
          {"otherData",
           {{"model", text(record, "model")},
            {"method", text(record, "method")},
            {"version", "twice " + text(record, "version")},
            {"times", "median of each step of the program, one after another"}}}};
}

std::vector<std::pair<std::string, std::string>> profile_files(const Json& record) {
  return {{"report.html", profile_html(record)},
          {"report.json", report_json(record).dump(1) + "\n"},
          {"ops.csv", ops_csv(record)},
          {"trace.json", chrome_trace(record).dump() + "\n"},
          {"stacks.txt", collapsed_stacks(record)},
          {"roofline.svg", roofline_file(record)}};
}

}  // namespace twice::experiments
