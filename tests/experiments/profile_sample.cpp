#include "tests/experiments/profile_sample.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace twice {
namespace {

struct Part {
  const char *op, *label, *phase, *layer;
  int node;
  double ms, flop, bytes;
};

/// The times have many digits, so that rounding would show.
const Part parts[] = {
    {"matmul", "matmul", "forward", "linear1", 9, 0.1 / 3, 2.5e7, 1.1e6},
    {"fused", "fused(add+relu)", "forward", "linear1", 10, 0.01 / 7, 3.2e4, 1.3e5},
    {"matmul", "matmul", "forward", "linear2", 12, 0.02 / 3, 3.3e5, 7.8e4},
    {"a \"b\", <c>", "a \"b\", <c>; & d", "forward", "(loss)", 14, 1e-7, 2700, 2800},
    {"matmul", "matmul", "backward", "linear2", 12, 0.0199999, 3.3e5, 7.8e4},
    {"matmul", "matmul", "double backward", "linear1", 9, 0.2111113, 5.1e7, 2e6},
    {"reshape", "reshape", "double backward", "linear1", 10, 0.001234, 0, 0},
    {"optimizer", "optimizer", "update", "(optimizer)", -1, 0.0512345, 0, 4e6}};

double total_ms() {
  double sum = 0;
  for (const Part& part : parts) sum += part.ms;
  return sum;
}

Json steps_of(double pace) {
  Json steps = Json::array();
  double start = 0;
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    const Part& part = parts[i];
    const double ms = pace * part.ms;
    const auto first = std::ranges::find(parts, part.node, &Part::node) - std::begin(parts);
    Json step = {{"index", i},
                 {"op", part.op},
                 {"attributes", ""},
                 {"label", part.label},
                 {"phase", part.phase},
                 {"layer", part.layer},
                 {"members", Json::array()},
                 {"inputs", {"f32 (64, 784)"}},
                 {"output", "f32 (64, 256)"},
                 {"ms", ms},
                 {"start_ms", start},
                 {"share", part.ms / total_ms()},
                 {"flop", part.flop},
                 {"bytes", part.bytes},
                 {"products", part.flop > 1e5 ? 1 : 0},
                 {"gflops", part.flop / ms / 1e6},
                 {"gbs", part.bytes / ms / 1e6},
                 {"intensity", part.bytes > 0 ? Json(part.flop / part.bytes) : Json()},
                 {"bound", part.flop > 1e5 ? "compute" : "memory"},
                 {"bound_share", 0.5},
                 {"predicted", {{"compute", 0.6 * ms}, {"L2", 0.2 * ms}, {"memory", 0.1 * ms}}},
                 {"predicted_ms", 0.9 * ms},
                 {"residual", 1 / 0.9 - 1},
                 {"live_bytes", 1000 * (i + 1)}};
    step["forward"] = part.node < 0 ? Json()
                                    : Json{{"node", part.node},
                                           {"op", parts[first].op},
                                           {"shape", "(64, 256)"},
                                           {"step", first}};
    steps.push_back(std::move(step));
    start += ms;
  }
  // The fused step contains a second forward op. The step `reshape` is part of its derivative.
  steps[1]["members"] = {{{"op", "add"}, {"phase", "forward"}, {"forward_node", 11}},
                         {{"op", "relu"}, {"phase", "forward"}, {"forward_node", 10}}};
  return steps;
}

/// The sums of the steps with each value of `field`.
Json sums_by(const Json& steps, double pace, const char* field, const char* name,
             const char* time) {
  Json sums = Json::array();
  for (const Json& step : steps) {
    Json* sum = nullptr;
    for (Json& known : sums)
      if (known[name] == step[field]) sum = &known;
    if (!sum) {
      sums.push_back({{name, step[field]},
                      {"steps", 0},
                      {"calls", 0},
                      {time, 0.},
                      {"flop", 0.},
                      {"bytes", 0.},
                      {"products", 0},
                      {"bound", "memory"}});
      sum = &sums.back();
    }
    for (const char* count : {"steps", "calls"}) (*sum)[count] = (*sum)[count].get<int>() + 1;
    (*sum)[time] = (*sum)[time].get<double>() + step["ms"].get<double>();
    for (const char* cost : {"flop", "bytes", "products"})
      (*sum)[cost] = (*sum)[cost].get<double>() + step[cost].get<double>();
  }
  for (Json& sum : sums) {
    const double ms = sum[time];
    sum["gflops"] = sum["flop"].get<double>() / ms / 1e6;
    sum["gbs"] = sum["bytes"].get<double>() / ms / 1e6;
    sum["share"] = ms / pace / total_ms();
  }
  return sums;
}

Json row(const std::string& name, const char* kind, double ms, int products, const Json& error) {
  Json samples = Json::array();
  for (int i = 0; i < 11; ++i) samples.push_back(ms * (1 + 0.001 * (i * 7 % 11)));
  return {{"name", name},
          {"kind", kind},
          {"method", name.starts_with("step of ") ? Json(name.substr(8)) : Json()},
          {"ms", ms * 1.005},
          {"ms_iqr", ms * 0.005},
          {"samples", 11},
          {"samples_ms", samples},
          {"ratio_to_loss", ms},
          {"ratio_to_gradient", ms / 3},
          {"products", products},
          {"products_law_text", "3L - 1"},
          {"gflop", 0.1 * ms},
          {"gflops", 100},
          {"peak_share", 0.5},
          {"error", error},
          {"objective", "gamma/2 |g|^2"}};
}

Json scaling_sample() {
  Json points = Json::array();
  for (const int width : {64, 128, 256}) {
    const double ms = 1e-4 * width * width;
    points.push_back(
        {{"value", width},
         {"methods", {{{"method", "f-gr"}, {"ms", ms}}, {{"method", "exact"}, {"ms", 0.9 * ms}}}}});
  }
  return {
      {"axes",
       {{{"axis", "width"},
         {"base", 128},
         {"points", points},
         {"left_out", {512}},
         {"fits",
          {{{"method", "f-gr"}, {"exponent", 2}}, {{"method", "exact"}, {"exponent", 2}}}}}}},
      {"laws",
       {{{"method", "f-gr"}, {"ms_per_gflop", 12}}, {{"method", "exact"}, {"ms_per_gflop", 11}}}},
      {"products",
       {{{"method", "exact"},
         {"L", {1, 2}},
         {"slope", 6},
         {"intercept", -4},
         {"straight", true},
         {"law", "6L - 4"},
         {"follows_law", true}}}},
      {"crossovers",
       {{{"axis", "width"},
         {"counted", {{"values", {64, 128, 256}}, {"ratio", {1.1, 1.05, 0.9}}, {"at", 167}}},
         {"measured", {{"values", {64, 128}}, {"ratio", {0.9, 0.9}}, {"at", nullptr}}}}}}};
}

}  // namespace

Json sample_profile(double pace) {
  const Json steps = steps_of(pace);
  Json ops = sums_by(steps, pace, "op", "name", "self_ms"),
       phases = sums_by(steps, pace, "phase", "phase", "ms"),
       layers = sums_by(steps, pace, "layer", "layer", "ms");
  for (Json& op : ops) {
    const double ms = op["self_ms"];
    op.update({{"total_ms", ms},
               {"self_share", ms / pace / total_ms()},
               {"avg_ms", ms / op["calls"].get<double>()}});
    for (int i = 0; i < 11; ++i) op["samples_ms"].push_back(ms * (1 + 0.001 * (i * 5 % 11)));
  }
  Json live = Json::array();
  for (const Json& step : steps) live.push_back(step["live_bytes"]);
  const Json value = {{"value", 20},
                      {"op", "matmul"},
                      {"shape", "f32 (64, 256)"},
                      {"bytes", 65536},
                      {"offset", 0},
                      {"phase", "forward"},
                      {"layer", "linear1"},
                      {"forward", steps[0]["forward"]},
                      {"from_step", 0},
                      {"to_step", nullptr}};
  return {{"command", "profile"},
          {"version", "0.1.0"},
          {"machine",
           {{"cpu", "a CPU <&>"},
            {"cores", 2},
            {"threads", 2},
            {"caches", {{{"level", 1}, {"type", "Data"}, {"bytes", 49152}, {"shared_by", 1}}}}}},
          {"config", {{"data", "digits"}, {"dtype", "f32"}, {"gamma", 0.02}}},
          {"model", "mlp-256x2-b64-relu-f32"},
          {"method", "exact"},
          {"equation", "G = g + gamma H g"},
          {"rows",
           {row("loss", "loss", pace, 3, 1e-8), row("gradient", "gradient", 3 * pace, 8, 1e-7),
            row("H v, reverse over reverse", "hvp", 7 * pace, 13, 1e-7),
            row("H v, finite differences", "hvp", 6 * pace, 10, 0.003),
            row("step of sgd", "step", 3.1 * pace, 8, 0.08),
            row("step of exact", "step", 6.6 * pace, 14, 1e-7),
            row("step of f-gr", "step", 6.5 * pace, 16, 0.001)}},
          {"peak",
           {{"threads", 2},
            {"gflops", 180},
            {"gbs", 24},
            {"l2_gbs", 95},
            {"l1_gbs", 190},
            {"ridge", 7.5}}},
          {"peaks", {{{"threads", 1}, {"gflops", 95}, {"gbs", 14}}}},
          {"steps", steps},
          {"ops", ops},
          {"phases", phases},
          {"layers", layers},
          {"origins", Json::array()},
          {"memory",
           {{"arena_bytes", 70000},
            {"most_alive_bytes", 65536},
            {"without_reuse_bytes", 99000},
            {"saved_bytes", 29000},
            {"live_bytes", live},
            {"peak_step", 7},
            {"values", {value}},
            {"at_peak", {value}}}},
          {"attribution",
           {{"attributed_share", 0.985},
            {"overhead_share", 0.004},
            {"predicted_ms", 5.9},
            {"residual", 0.11}}},
          {"how", {{"timing", "rows take turns"}}},
          {"scaling", scaling_sample()}};
}

}  // namespace twice
