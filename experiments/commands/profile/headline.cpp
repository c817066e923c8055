// Rows: times, counts, errors, memory.
#include "experiments/commands/profile/headline.h"

#include <unistd.h>

#include <algorithm>

#include "experiments/measure/statistics.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;

/// Methods that follow the gradient of L + gamma/2 |grad L|^2, and sgd, which leaves the penalty
/// out; the others have another objective.
bool same_objective(const Method& m) {
  return m.name == "sgd" || m.convention.starts_with("squared norm");
}

/// `3L - 1`; `L` for the loss.
std::string text_of(const ProductLaw& law) { return law.saved == 0 ? "L" : str(law); }

Json counts_of(const Problem& problem, const RowKind& kind, const Plan& plan) {
  const Program& program = plan.program();
  const Cost total = ledger(program).total();
  const ProductLaw law = law_of(problem, kind);
  return {{"products", total.products},
          {"small_products", total.small_products},
          {"products_law", law.products(problem.model.products())},
          {"products_law_text", text_of(law)},
          {"gflop", total.flops / 1e9},
          {"mib_moved", total.bytes / mib},
          {"peak_mib", static_cast<double>(program.peak_bytes()) / mib},
          {"arena_mib", static_cast<double>(program.arena_bytes) / mib}};
}

std::vector<Array> cast_all(const std::vector<Array>& arrays, DType dtype) {
  std::vector<Array> result;
  for (const Array& array : arrays) result.push_back(array.cast(dtype));
  return result;
}

}  // namespace

void add_times(Json& row, const std::vector<double>& ms) {
  row["ms"] = median(ms);
  row["ms_min"] = std::ranges::min(ms);
  row["ms_q1"] = quantile(ms, 0.25);
  row["ms_q3"] = quantile(ms, 0.75);
}

std::vector<std::unique_ptr<RowProgram>> make_rows(const Problem& problem,
                                                   const std::vector<RowKind>& kinds) {
  const double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  const Point start = start_of(problem);
  std::vector<std::unique_ptr<RowProgram>> programs;
  double sum = 0;
  for (const RowKind& kind : kinds) {
    if (stop_requested()) break;
    programs.push_back(std::make_unique<RowProgram>(problem, kind, start));
    sum += static_cast<double>(programs.back()->plan().peak_bytes());
    if (sum > memory / 2)
      fail("profile",
           "the programs that are timed in turn take more than half of this machine's {:.1f} GiB; "
           "name fewer with --methods, or take a smaller --batch, --width or --channels",
           memory / (1 << 30));
  }
  return programs;
}

Json time_rows(const Problem& problem, const std::vector<RowKind>& kinds,
               const std::vector<std::unique_ptr<RowProgram>>& programs, double seconds,
               const TimingProgress& progress) {
  std::vector<std::function<void()>> work;
  for (const auto& program : programs) {
    program->run();
    work.push_back([&program] { program->run(); });
  }
  const std::vector<std::vector<double>> samples = timed_in_turns(work, seconds, progress);
  Json rows = Json::array();
  if (stop_requested()) return rows;
  const double loss_ms = median(samples[0]), gradient_ms = median(samples[1]);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const RowKind& kind = kinds[i];
    Json row = {{"name", kind.name},
                {"kind", kind.kind},
                {"method", kind.method ? Json(kind.method->name) : Json()},
                {"equation", kind.equation}};
    add_times(row, samples[i]);
    const double ms = row["ms"];
    row["ms_iqr"] = row["ms_q3"].get<double>() - row["ms_q1"].get<double>();
    row["samples"] = samples[i].size();
    row["samples_ms"] = samples[i];
    row["ratio_to_loss"] = ms / loss_ms;
    row["ratio_to_gradient"] = ms / gradient_ms;
    row.update(counts_of(problem, kind, programs[i]->plan()));
    row["gflops"] = row["gflop"].get<double>() / ms * 1e3;
    row["gbs"] = row["mib_moved"].get<double>() * mib / ms / 1e6;
    for (const char* later : {"peak_share", "measured_mib", "measured_arena_mib", "error",
                              "error_against", "hvp_error", "objective"})
      row[later] = Json();
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_peak_share(Json& rows, const Peak& peak) {
  for (Json& row : rows) row["peak_share"] = row["gflops"].get<double>() / peak.gflops;
}

void add_errors(Json& rows, const Problem& problem, const std::vector<RowKind>& kinds,
                const std::function<void()>& progress) {
  const FixedBatch batch = fixed_batch(problem);
  // The same numbers in both dtypes, so that what differs is the arithmetic.
  const Point start = start_of(problem);
  const Point precise{cast(start.state, DType::f64), cast_all(start.direction, DType::f64)};
  const double gamma = problem.options.regularization.gamma;
  const GradientVectors exact = gradient_vectors(problem, method("exact"), precise.state, batch);
  for (std::size_t i = 0; i < kinds.size() && !stop_requested(); ++i) {
    const RowKind& kind = kinds[i];
    Json& row = rows[i];
    if (kind.method) {
      row["objective"] = same_objective(*kind.method) ? "gamma/2 |grad L|^2" : "another";
      if (same_objective(*kind.method)) {
        const GradientVectors found = gradient_vectors(problem, *kind.method, start.state, batch);
        row["error"] = relative_error(found.gradient, exact.gradient);
        row["error_against"] = "g + gamma H g, exact, in float64";
        if (gamma > 0 && kind.method->name != "sgd")
          row["hvp_error"] =
              relative_error(estimated_hvp(found, gamma), estimated_hvp(exact, gamma));
      }
    } else {
      RowKind reference = kind;
      reference.mode = HvpMode::reverse_over_reverse;
      row["error"] = relative_error(RowProgram(problem, kind, start).result(),
                                    RowProgram(problem, reference, precise).result());
      row["error_against"] = (kind.kind == "loss"       ? "L"
                              : kind.kind == "gradient" ? "g"
                                                        : "H v, reverse over reverse,") +
                             std::string(" in float64");
    }
    progress();
  }
}

void add_memory(Json& rows, const Problem& problem, const std::vector<RowKind>& kinds,
                const std::function<void()>& progress) {
  for (std::size_t i = 0; i < kinds.size() && !stop_requested(); ++i) {
    const RowMemory memory = row_memory(problem, kinds[i]);
    rows[i]["measured_mib"] = memory.all;
    rows[i]["measured_arena_mib"] = memory.arena;
    progress();
  }
}

}  // namespace twice::experiments
