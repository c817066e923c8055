// Flooding: that two of its steps are one of finite-difference GR; that the gradient's norm falls
// while the loss stays where it is held; and where the identity ends.
#include <cmath>

#include "experiments/studies/flooding_run.h"

namespace twice::experiments {

namespace {

double last_over_first(const HeldRun& run) {
  return run.loss.empty() ? std::nan("") : run.squared_norm.back() / run.squared_norm.front();
}

struct Setup {
  double eta;
  Departure departure;
  std::string name;
};

void append(Vector& all, const Vector& more) { all.insert(all.end(), more.begin(), more.end()); }

/// The identity's part of the study.
void check_identity(StudyContext& context, const std::vector<double>& etas, StudyResult& result) {
  const double momentum = context.number("momentum");
  std::vector<Setup> setups;
  for (const double eta : etas) setups.push_back({eta, {momentum, false}, ""});
  setups.push_back({0.1, {0.9, false}, "momentum 0.9"});
  setups.push_back({0.1, {0, true}, "batches that change"});
  const std::vector<std::uint64_t> seeds = context.seeds();
  const std::size_t count = setups.size() * seeds.size();
  const std::vector<IdentityErrors> errors = context.jobs(
      "two steps against one", count, static_cast<double>(count) * context.number("identity-steps"),
      [&](std::size_t i) {
        const Setup& s = setups[i / seeds.size()];
        return identity_errors(context, seeds[i % seeds.size()], s.eta, s.departure);
      });

  StudyTable table{"Error of the identity: |two steps - predicted| / |two steps|",
                   {"steps", "eta", "direction", "crossings", "median", "largest"},
                   {}};
  IdentityErrors plain;
  std::vector<Vector> broken;
  for (std::size_t k = 0; k < setups.size(); ++k) {
    IdentityErrors all;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      append(all.forward, errors[k * seeds.size() + s].forward);
      append(all.backward, errors[k * seeds.size() + s].backward);
    }
    for (const auto& [direction, values] :
         {std::pair("up, then down", &all.forward), std::pair("down, then up", &all.backward)}) {
      const Claim range = on_all("", *values, at_most(0));
      table.rows.push_back(
          {k < etas.size() ? fmt::format("one batch, momentum {:g}", momentum) : setups[k].name,
           fmt::format("{:g}", setups[k].eta), direction, std::to_string(values->size()),
           fmt::format("{:.2g}", range.value), fmt::format("{:.2g}", range.interval.high)});
    }
    if (k < etas.size()) {
      append(plain.forward, all.forward);
      append(plain.backward, all.backward);
    } else {
      append(all.forward, all.backward);
      broken.push_back(all.forward);
    }
  }
  result.tables.push_back(table);
  result.claims.push_back(
      on_all("up, then down: two steps of flooding are one step of size eta^2 against F-GR's "
             "estimate of H g with eps = eta (relative error)",
             plain.forward, at_most(1e-10)));
  result.claims.push_back(
      on_all("down, then up: the same with B-GR (relative error)", plain.backward, at_most(1e-10)));
  result.claims.push_back(on_all("the identity ends with momentum 0.9 (relative error)", broken[0],
                                 at_least(0.01), Weight::limit));
  result.claims.push_back(on_all("the identity ends when the batch changes (relative error)",
                                 broken[1], at_least(0.01), Weight::limit));
}

/// The part on the gradient's norm.
void follow_norm(StudyContext& context, const std::vector<double>& etas, StudyResult& result) {
  std::vector<Setup> setups;
  for (const double eta : etas) setups.push_back({eta, {}, fmt::format("eta {:g}", eta)});
  setups.push_back({0.1, {0.9, false}, "eta 0.1, momentum 0.9"});
  setups.push_back({0.5, {0, true}, "eta 0.5, batches that change"});
  const std::vector<std::uint64_t> seeds = context.seeds();
  const std::size_t count = setups.size() * seeds.size();
  const std::vector<HeldRun> runs =
      context.jobs("holding the loss", count, static_cast<double>(count) * context.number("steps"),
                   [&](std::size_t i) {
                     const Setup& s = setups[i / seeds.size()];
                     return held_run(context, seeds[i % seeds.size()], s.eta, s.departure);
                   });

  const double steps = context.number("steps"), length = std::floor(steps / flood_windows);
  StudyPlot norms{"gradient-norm",
                  "The gradient's norm while flooding holds the loss",
                  "|g|^2, geometric mean of the seeds",
                  "steps since L was first below the level",
                  false,
                  true,
                  {}};
  StudyPlot losses{
      "loss", "The loss meanwhile", "L, mean of the seeds", norms.x_title, false, false, {}};
  StudyTable table{"|g|^2 while the loss is held",
                   {"run", "first window", "last window", "last over first", "L, last window"},
                   {}};
  for (std::size_t k = 0; k < setups.size(); ++k) {
    const std::string inks[] = {"sgd", "exact", "f-gr", "pgn", "b-gr"};
    StudyCurve norm_curve{setups[k].name, inks[k % 5]}, loss_curve = norm_curve;
    Vector ratios, distances, firsts, lasts, ends;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      const HeldRun& run = runs[k * seeds.size() + s];
      ratios.push_back(last_over_first(run));
      ends.push_back(run.loss.empty() ? std::nan("") : run.loss.back());
      distances.push_back(std::abs(ends.back() - flood_level) / flood_level);
      firsts.push_back(run.loss.empty() ? std::nan("") : run.squared_norm.front());
      lasts.push_back(run.loss.empty() ? std::nan("") : run.squared_norm.back());
    }
    for (std::size_t w = 0; w < flood_windows; ++w) {
      double logs = 0, sum = 0;
      for (std::size_t s = 0; s < seeds.size(); ++s) {
        const HeldRun& run = runs[k * seeds.size() + s];
        const bool there = w < run.loss.size();
        logs += there ? std::log(run.squared_norm[w]) : std::nan("");
        sum += there ? run.loss[w] : std::nan("");
      }
      const double n = static_cast<double>(seeds.size());
      norm_curve.x.push_back((static_cast<double>(w) + 0.5) * length);
      norm_curve.y.push_back(std::exp(logs / n));
      loss_curve.x.push_back(norm_curve.x.back());
      loss_curve.y.push_back(sum / n);
    }
    norms.curves.push_back(norm_curve);
    losses.curves.push_back(loss_curve);
    const Interval interval = mean_interval(ratios);
    table.rows.push_back(
        {setups[k].name, fmt::format("{:.3g}", mean(firsts)), fmt::format("{:.3g}", mean(lasts)),
         fmt::format("{:.2f} ({:.2f} to {:.2f})", mean(ratios), interval.low, interval.high),
         fmt::format("{:.3f}", mean(ends))});
    if (k >= etas.size()) continue;
    result.claims.push_back(
        on_mean(fmt::format("eta {:g}: |g|^2 falls while the loss is held (last window over first)",
                            setups[k].eta),
                ratios, at_most(1)));
    result.claims.push_back(
        on_all(fmt::format("eta {:g}: the loss stays at the level (|L - b| / b, last window)",
                           setups[k].eta),
               distances, at_most(0.1)));
  }
  result.plots.push_back(norms);
  result.plots.push_back(losses);
  result.tables.push_back(table);
}

StudyResult run(StudyContext& context) {
  const std::vector<double> etas = {0.1, 0.2, 0.5};
  StudyResult result;
  result.setup = {
      fmt::format("Network: tanh, 20-64-64-10, float64. Data: {} samples from N(0, I), labels of a "
                  "random linear map, 20 % of them replaced at random.",
                  context.count("samples")),
      fmt::format("Flooding: theta <- theta - eta sign(L - b) grad L, b = {}, plain gradient "
                  "descent on the whole data, eta 0.1, 0.2 and 0.5.",
                  flood_level),
      fmt::format("Identity: at up to {} crossings of the level in each direction, for each eta "
                  "and each of {} seeds, the move of two steps against the prediction from F-GR or "
                  "B-GR at the first point, both computed by the engine.",
                  context.count("crossings"), context.count("seeds")),
      fmt::format("Norm: from the first step with L < b on, {} steps in {} windows; the mean of "
                  "|g|^2 in the last window over that in the first.",
                  context.count("steps"), flood_windows),
      "Departures: momentum 0.9; quarters of the data in turn."};
  check_identity(context, etas, result);
  follow_norm(context, etas, result);
  result.remarks = {
      "With momentum or changing batches the identity is gone; what |g|^2 then does is in the "
      "table and is no claim."};
  return result;
}

}  // namespace

Study flooding_study() {
  return {"flooding",
          "two steps of flooding are one of finite-difference GR, and |g| falls at the flood level",
          "Two steps of flooding across its level, one up and one down, are one step of size eta^2 "
          "against the F-GR estimate of H g with eps = eta; the mirror case is B-GR. So the "
          "gradient's norm falls while the loss stays at the level.",
          "F-GR's case by Karakida et al. (ICML 2023), as reported by other sources; the mirror "
          "case and the limits are this project's. Flooding: Ishida et al., ICML 2020.",
          "20 s",
          "10 min",
          "More seeds and step sizes, networks of other shapes.",
          {{"steps", "steps at the level", 3000, 30000, 50, 1e7, true},
           {"identity-steps", "most steps in which crossings are looked for", 3000, 3000, 10, 1e7,
            true},
           {"crossings", "crossings in each direction", 10, 50, 1, 1e6, true},
           {"seeds", "repetitions", 3, 5, 2, 1000, true},
           {"samples", "training examples", 256, 256, 8, 1e6, true},
           {"momentum", "of the runs on which the identity is claimed", 0, 0, 0, 0.999, false}},
          run};
}

}  // namespace twice::experiments
