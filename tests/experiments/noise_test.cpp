// Tests the noise of measurements: its measurement, its warnings, and the intervals of ratios.
#include "experiments/measure/noise.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "experiments/files/record.h"
#include "experiments/report/table.h"

using namespace twice;
using namespace twice::experiments;

BOOST_AUTO_TEST_SUITE(noise)

BOOST_AUTO_TEST_CASE(the_machine_is_read) {
  NoiseMeter meter(DType::f32);
  meter.pause();
  meter.go_on();
  const Json record = meter.record();
  for (const char* share : {"waited", "stolen"})
    if (!record[share].is_null())
      BOOST_TEST((number(record, share) >= 0 && number(record, share) <= 1));
  for (const Json& speed : record["speed"]) BOOST_TEST(speed.get<double>() > 0);
  BOOST_TEST(record["load"].size() == 2);
}

BOOST_AUTO_TEST_CASE(disturbances_are_reported) {
  const Json quiet = {{"waited", 0.01}, {"stolen", nullptr}, {"speed", {100, 95}}},
             busy = {{"waited", 0.25}, {"stolen", 0.03}, {"speed", {100, 70}}};
  BOOST_TEST(noise_warning({{"noise", quiet}}) == "");
  BOOST_TEST(noise_warning(Json::object()) == "");
  const std::string causes =
      "noise: other work had the cores 25 % of the time, the hypervisor took 3 % of the cores' "
      "time, the machine's speed changed by -30 %; close other programs";
  BOOST_TEST(noise_warning({{"noise", busy}}) == causes);
  const Json machine = {{"threads", 2}};
  BOOST_TEST(noise_warning({{"noise", busy}, {"machine", machine}}) ==
             causes + ", or try --threads 1");
  BOOST_TEST(noise_warning({{"noise", busy}, {"config", {{"seconds", 10}}}}) ==
             causes + ", or give more --seconds");
  // If the machine's speed changed, closing other programs does not help.
  BOOST_TEST(noise_warning({{"noise", {{"speed", {100, 70}}}}, {"machine", machine}}) ==
             "noise: the machine's speed changed by -30 %; measure again");
  BOOST_TEST(noise_warning({{"noise", {{"same_step_ms", {0.034, 0.05, 0.04}}}}}) ==
             "noise: the same step took 0.034 ms and 0.05 ms; measure again");
  BOOST_TEST(noise_warning({{"noise", {{"same_step_ms", {0.034, 0.036}}}}}) == "");
}

BOOST_AUTO_TEST_CASE(ratios_have_intervals) {
  // The median of the ratios is 2. The ratio of the medians would be 3.
  Json row = Json::object();
  add_ratio(row, "r", ratio_in_rounds({1, 8, 3}, {1, 4, 1}));
  BOOST_TEST(number(row, "r") == 2);
  BOOST_TEST(row["r_interval"] == Json({1, 3}));
  add_ratio(row, "once", ratio_in_rounds({3}, {2}));
  BOOST_TEST(row["once_interval"] == Json({nullptr, nullptr}));

  const Column column{"x", "", "", format_ratio};
  const auto cell = [&](double low, double high) {
    return cell_text(column, {{"x", 1.02}, {"x_interval", {low, high}}});
  };
  BOOST_TEST(cell(1.01, 1.03) == "1.02× ±1.0 %");
  BOOST_TEST(cell(0.99, 1.05) == "1.02× ±2.9 % ?");
  BOOST_TEST(cell(0.5, 1.5) == "1.02× ±49 % ?");
  BOOST_TEST(cell(1, 1) == "1.02×");
  BOOST_TEST(cell_text(column, {{"x", 1.02}}) == "1.02×");
  BOOST_TEST(cell_text(column, row) == "-");
  const auto sentence = [](const Json& interval) {
    return ratio_sentence({{"x", 1.02}, {"x_interval", interval}}, "x");
  };
  BOOST_TEST(sentence({1.01, 1.03}) == "1.02× (1.01 to 1.03)");
  BOOST_TEST(sentence({0.99, 1.05}) == "1.02× (0.99 to 1.05): inconclusive");
  BOOST_TEST(sentence({nullptr, nullptr}) == "1.02×: inconclusive");
  BOOST_TEST(sentence(nullptr) == "1.02×");
}

BOOST_AUTO_TEST_SUITE_END()
