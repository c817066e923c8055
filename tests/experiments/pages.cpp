// Implements the sample record and the checks of markup.
#include "tests/experiments/pages.h"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "experiments/report/html.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {

Json sample_record() {
  Json record = {{"command", "compare"},
                 {"version", "0.1.0"},
                 {"machine", {{"cpu", "a CPU"}, {"cores", 2}}},
                 {"config", {{"data", "digits"}, {"gamma", 0.05}, {"epsilon", 1e-4}}}};
  const std::vector<std::string> methods = {"sgd", "exact", "exact-naive", "f-gr", "b-gr", "c-gr"};
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const double k = static_cast<double>(i + 1);
    Json row = {
        {"model", "mlp-64x3-b32-tanh-f32"},
        {"method", methods[i]},
        {"threads", 2},
        {"ms", k},
        {"ms_min", 0.9 * k},
        {"ratio_to_gradient", k},
        {"products", 10 + i},
        {"products_law", 10 + i},
        {"products_law_text", fmt::format("{}L-{}", i + 3, i)},
        {"gflop", 0.5 * k},
        {"peak_mib", 2 * k},
        {"gradient_error_start", i < 3 ? 1.2e-7 : 8e-3},
        {"loss", 0.01 * k},
        {"test_accuracy", 0.9 + 0.01 * k},
        {"gradient_norm", 0.1 / k},
        {"convention", "squared norm"},
        {"equation", "G = equation of <" + methods[i] + ">"},
        {"phases", {{"forward", {{"gflop", 0.2 * k}}}, {"backward", {{"gflop", 0.3 * k}}}}}};
    for (int epoch = 1; epoch <= 5; ++epoch)
      row["curve"].push_back({{"epoch", epoch},
                              {"train_loss", std::exp(-epoch) * k},
                              {"test_accuracy", 1 - 0.5 / epoch},
                              {"gradient_norm", 1. / epoch}});
    record["rows"].push_back(row);
  }
  for (const char* method : {"f-gr", "c-gr"})
    for (int power = -10; power <= 0; ++power) {
      const double epsilon = std::pow(10., power), u = 1e-16;
      const double step = *method == 'f' ? 0.2 * epsilon : 0.1 * epsilon * epsilon;
      record["epsilon_sweep"].push_back({{"method", method},
                                         {"dtype", "f64"},
                                         {"epsilon", epsilon},
                                         {"error", step + u / epsilon},
                                         {"hvp_error", 5 * (step + u / epsilon)}});
    }
  return record;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t result = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++result;
  return result;
}

std::string markup_error(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '&') {
      const std::size_t end = html.find(';', at);
      if (end == std::string::npos || end - at > 8) return "stray &: " + html.substr(at, 30);
    }
    if (html[at] != '<') {
      ++at;
      continue;
    }
    if (html.compare(at, 9, "<![CDATA[") == 0) {
      at = html.find("]]>", at);
      if (at == std::string::npos) return "unclosed CDATA";
      at += 3;
      continue;
    }
    std::size_t end = at + 1;
    for (char quote = 0; end < html.size() && (quote || html[end] != '>'); ++end) {
      if (quote && html[end] == '<') return "stray <: " + html.substr(at, 60);
      if (quote ? html[end] == quote : html[end] == '"' || html[end] == '\'')
        quote = quote ? '\0' : html[end];
    }
    if (end == html.size()) return "unclosed tag: " + html.substr(at, 40);
    const std::string tag = html.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag[0] == '!' || tag[0] == '?' || tag.back() == '/') continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name.substr(1)) {
      return "<" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

std::string without_library(std::string html) {
  if (const std::size_t at = html.find("/*! @license"); at != std::string::npos)
    html.erase(at, html.find("]]>", at) - at);
  return html;
}

std::string outside_reference(const std::string& page) {
  // The page's content security policy covers the chart library too.
  const std::string html = without_library(page);
  for (const char* part : {"src=", "@import", "url(", "<link", "<iframe", "fetch(", "xlink"})
    if (contains(html, part)) return part;
  for (std::size_t at = 0; (at = html.find("://", at)) != std::string::npos; ++at) {
    const std::size_t line = html.rfind(' ', at);
    if (html.compare(line + 1, 7, "xmlns=\"") != 0) return html.substr(line, 60);
  }
  for (std::size_t at = 0; (at = html.find("href=", at)) != std::string::npos; ++at)
    if (html.compare(at, 7, "href=\"#") != 0) return html.substr(at, 60);
  return "";
}

std::vector<Json> chart_data(const std::string& html) {
  std::vector<Json> charts;
  const std::string begin = "data-plot=\"";
  for (std::size_t at = 0; (at = html.find(begin, at)) != std::string::npos;) {
    at += begin.size();
    std::string text = html.substr(at, html.find('"', at) - at);
    for (const auto& [entity, letter] : std::vector<std::pair<const char*, const char*>>{
             {"&quot;", "\""}, {"&#39;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}})
      text = replace_all(text, entity, letter);
    charts.push_back(Json::parse(text));
  }
  return charts;
}

std::size_t count_curves(const std::string& html, const std::string& name) {
  std::size_t result = 0;
  for (const Json& chart : chart_data(html))
    for (const Json& curve : chart["curves"]) result += curve["name"] == name;
  return result;
}

void check_page(const std::string& html) {
  BOOST_TEST(markup_error(html) == "");
  BOOST_TEST(outside_reference(html) == "");
  BOOST_TEST(contains(html, "prefers-color-scheme: dark"));
}

}  // namespace twice
