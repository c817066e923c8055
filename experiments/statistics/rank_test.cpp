// Ranks, their distribution, and what follows from it.
#include "experiments/statistics/rank_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autodiff/array/error.h"

namespace twice {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_of_smaller = 8, most_of_larger = 400;

void check(const std::vector<double>& values) {
  if (values.empty()) fail("rank_test", "a set has no values; expected at least one");
  for (const double value : values)
    if (!std::isfinite(value)) fail("rank_test", "a value is {}; expected finite ones", value);
}

bool small_enough(std::size_t m, std::size_t n) {
  return std::min(m, n) <= most_of_smaller && std::max(m, n) <= most_of_larger;
}

/// P(U = u) for u from 0 to mn without ties: of all ways to choose m of m + n ranks, the share in
/// which u values of the other set lie below the chosen ones.
std::vector<double> distribution(std::size_t m, std::size_t n) {
  if (m > n) std::swap(m, n);  // U is symmetric
  // ways[k][u]: k ranks are chosen among those seen so far.
  std::vector<std::vector<double>> ways(m + 1, std::vector<double>(m * n + 1));
  ways[0][0] = 1;
  for (std::size_t rank = 0; rank < m + n; ++rank)
    for (std::size_t k = std::min(m, rank + 1); k >= 1; --k) {
      const std::size_t below = rank - (k - 1);  // values of the other set
      for (std::size_t u = below; u <= m * n; ++u) ways[k][u] += ways[k - 1][u - below];
    }
  const double all = std::accumulate(ways[m].begin(), ways[m].end(), 0.);
  for (double& count : ways[m]) count /= all;
  return ways[m];
}

double normal_tail(double z) { return 0.5 * std::erfc(z / std::sqrt(2.)); }

double variance_without_ties(double m, double n) { return m * n * (m + n + 1) / 12; }

/// The C of `ratio_interval`; 0 when there is none.
std::size_t cut_pairs(std::size_t m, std::size_t n, double level) {
  std::size_t cut = 0;
  if (small_enough(m, n)) {
    const std::vector<double> p = distribution(m, n);
    for (double below = p[0]; below <= level / 2 && cut < m * n; below += p[cut]) ++cut;
    return cut;
  }
  const double pairs = static_cast<double>(m) * static_cast<double>(n),
               sigma =
                   std::sqrt(variance_without_ties(static_cast<double>(m), static_cast<double>(n)));
  // P(U <= C - 1) is the normal tail beyond C - 1/2.
  double low = 0, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double z = (low + high) / 2;
    (normal_tail(z) > level / 2 ? low : high) = z;
  }
  return static_cast<std::size_t>(std::max(0., std::floor(pairs / 2 + 0.5 - high * sigma)));
}

}  // namespace

RankTest rank_test(const std::vector<double>& a, const std::vector<double>& b) {
  check(a);
  check(b);
  // (value, of b?), so that ties are neighbours.
  std::vector<std::pair<double, bool>> all;
  for (const double value : a) all.emplace_back(value, false);
  for (const double value : b) all.emplace_back(value, true);
  std::ranges::sort(all);
  const double m = static_cast<double>(a.size()), n = static_cast<double>(b.size());
  double u = 0, a_below = 0, ties = 0;
  for (std::size_t begin = 0, end; begin < all.size(); begin = end) {
    double of_a = 0, of_b = 0;
    for (end = begin; end < all.size() && all[end].first == all[begin].first; ++end)
      (all[end].second ? of_b : of_a) += 1;
    u += of_b * (a_below + of_a / 2);
    a_below += of_a;
    const double t = of_a + of_b;
    ties += t * t * t - t;
  }
  RankTest result{u};
  if (ties == 0 && small_enough(a.size(), b.size())) {
    const std::vector<double> p = distribution(a.size(), b.size());
    const auto least = static_cast<std::ptrdiff_t>(std::min(u, m * n - u));
    result.p = std::min(1., 2 * std::accumulate(p.begin(), p.begin() + least + 1, 0.));
    result.exact = true;
    return result;
  }
  const double variance = variance_without_ties(m, n) - m * n * ties / (12 * (m + n) * (m + n - 1));
  if (variance > 0)
    result.p = std::min(1., 2 * normal_tail((std::abs(u - m * n / 2) - 0.5) / std::sqrt(variance)));
  return result;
}

RatioInterval ratio_interval(const std::vector<double>& a, const std::vector<double>& b,
                             double level) {
  check(a);
  check(b);
  std::vector<double> ratios;
  ratios.reserve(a.size() * b.size());
  for (const double x : a)
    for (const double y : b) {
      if (x <= 0 || y <= 0) fail("ratio_interval", "{} over {}; expected positive values", y, x);
      ratios.push_back(y / x);
    }
  std::ranges::sort(ratios);
  const std::size_t cut = cut_pairs(a.size(), b.size(), level);
  if (cut == 0) return {median(ratios), {0, infinity}};
  return {median(ratios), {ratios[cut - 1], ratios[ratios.size() - cut]}};
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> result(p.size());
  double highest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    highest = std::max(highest, static_cast<double>(p.size() - k) * p[order[k]]);
    result[order[k]] = std::min(1., highest);
  }
  return result;
}

}  // namespace twice
