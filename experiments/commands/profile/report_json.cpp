// Rows as families of repetitions.
#include "experiments/commands/profile/report_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "experiments/measure/statistics.h"

namespace twice::experiments {

namespace {

Json context_of(const Json& record) {
  const Json& machine = member(record, "machine");
  Json caches = Json::array();
  for (const Json& cache : objects(member(machine, "caches")))
    caches.push_back({{"type", member(cache, "type")},
                      {"level", member(cache, "level")},
                      {"size", member(cache, "bytes")},
                      {"num_sharing", member(cache, "shared_by")}});
  return {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%S+00:00}", fmt::gmtime(std::time(nullptr)))},
          {"executable", "twice profile"},
          {"num_cpus", member(machine, "cores")},
          {"caches", caches},
          {"library_version", "twice " + text(record, "version")},
          {"library_build_type", "release"},
          {"json_schema_version", 1},
          {"cpu_time", "not measured; a copy of real_time"}};
}

/// In microseconds: google/benchmark's compare.py shows no digits behind the point.
std::vector<double> samples_of(const Json& row) {
  std::vector<double> samples;
  for (const Json& sample : member(row, "samples_ms"))
    if (sample.is_number()) samples.push_back(1e3 * sample.get<double>());
  return samples;
}

}  // namespace

Json report_json(const Json& record) {
  Json benchmarks = Json::array();
  const std::vector<Json> rows = objects(member(record, "rows"));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string name = text(rows[i], "name");
    const std::vector<double> samples = samples_of(rows[i]);
    const Json common = {{"family_index", i},
                         {"per_family_instance_index", 0},
                         {"run_name", name},
                         {"label", text(record, "model")},
                         {"repetitions", samples.size()},
                         {"threads", member(member(record, "machine"), "threads")},
                         {"time_unit", "us"}};
    for (std::size_t k = 0; k < samples.size(); ++k) {
      Json entry = common;
      entry.update({{"name", name},
                    {"run_type", "iteration"},
                    {"repetition_index", k},
                    {"iterations", 1},
                    {"real_time", samples[k]},
                    {"cpu_time", samples[k]}});
      benchmarks.push_back(std::move(entry));
    }
    if (samples.size() < 2) continue;
    const double center = mean(samples), spread = standard_deviation(samples);
    for (const auto& [aggregate, value] : {std::pair{"mean", center},
                                           {"median", median(samples)},
                                           {"stddev", spread},
                                           {"cv", spread / center}}) {
      Json entry = common;
      entry.update({{"name", name + "_" + aggregate},
                    {"run_type", "aggregate"},
                    {"aggregate_name", aggregate},
                    {"aggregate_unit", aggregate == std::string("cv") ? "percentage" : "time"},
                    {"iterations", samples.size()},
                    {"real_time", value},
                    {"cpu_time", value}});
      benchmarks.push_back(std::move(entry));
    }
  }
  return {{"context", context_of(record)}, {"benchmarks", benchmarks}, {"twice", record}};
}

}  // namespace twice::experiments
