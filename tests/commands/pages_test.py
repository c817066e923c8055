"""Tests the pages in a real browser: their look and their controls, at three widths, in light and dark
mode."""

import copy
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import tempfile
import time
import unittest
import xml.etree.ElementTree

from program import CommandTest, main

try:
    from selenium import webdriver
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

STUDIES = pathlib.Path(__file__).resolve().parents[2] / "docs/studies"
TINY = ["--data", "synthetic", "--width", 8]
MISSING = [name for name in ("chromium", "chromedriver") if not shutil.which(name)] + \
    ["selenium"] * (webdriver is None)
# .ci/run installs a browser and sets this variable, so a missing browser is an error there.
REQUIRED = os.environ.get("TWICE_BROWSER") == "required"

# True if every visible chart fills its container and lies within the screen.
FITS = """
return Array.from(document.querySelectorAll('.plot')).filter(p => p.checkVisibility()).every(p =>
  p.clientWidth > 100 && p.clientHeight > 100 && p.parentElement.clientHeight >= p.clientHeight && Math.abs(p.querySelector('canvas').clientWidth - p.clientWidth) < 2 &&
  p.getBoundingClientRect().right <= innerWidth);
"""

LUMINANCE = """
const channels = text => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
const linear = c => (c /= 255) > 0.04045 ? ((c + 0.055) / 1.055) ** 2.4 : c / 12.92;
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
"""

# The texts whose contrast with their background is below the limit of WCAG: 4.5, or 3 for large text.
CONTRAST = LUMINANCE + """
const behind = element => {
  for (; element; element = element.parentElement) {
    const colour = channels(getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] > 0.5) return colour;
  }
  return [255, 255, 255];
};
const bad = [];
for (const element of document.querySelectorAll('main *')) {
  if (element.closest('svg') || !element.checkVisibility()) continue;
  const own = Array.from(element.childNodes).filter(n => n.nodeType === 3 && n.textContent.trim());
  if (own.length === 0) continue;
  const style = getComputedStyle(element), size = parseFloat(style.fontSize);
  const [a, b] = [luminance(channels(style.color)), luminance(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < (size >= 24 ? 3 : 4.5)) bad.push(`${element.tagName} ${own[0].textContent.trim()} ${ratio}`);
}
return bad;
"""


@unittest.skipIf(MISSING and not REQUIRED, f"no {', '.join(MISSING)}; ./twice test --with browser installs it")
class Pages(CommandTest):
    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        cls.browser = webdriver.Chrome(options=options)
        cls.addClassCleanup(cls.browser.quit)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = pathlib.Path(folder.name)
        cls.made = set()

    def make(self, name, *arguments):
        """Runs a command once for all tests. Returns its folder."""
        folder = self.shared / name
        if name not in self.made:
            self.succeed(*arguments, "--out", folder)
            self.made.add(name)
        return folder

    def sweep(self):
        return self.make("sweep", "sweep", *TINY, "--epochs", 12, "--method", "sgd,exact,f-gr", "--gamma",
                         "0.001,0.01,0.05", "--seeds", 2, "--jobs", 2)

    def look(self, width, mode="light"):
        """Sets the width and the mode of the screen, also for the page that is open."""
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": mode}]})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False})

    def open(self, path, width=1600, mode="light"):
        self.look(width, mode)
        self.browser.get_log("performance")
        self.browser.get(path.as_uri())

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def wait_for(self, script, *arguments):
        """Runs the script until its value is true. Returns the value."""
        end = time.monotonic() + 10
        while not (value := self.js(script, *arguments)):
            self.assertLess(time.monotonic(), end, script)
            time.sleep(0.02)
        return value

    def assert_quiet(self):
        """Checks that the console is empty and that the browser fetched only the page."""
        self.assertEqual([entry["message"] for entry in self.browser.get_log("browser")], [])
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        fetched = [message["params"]["request"]["url"] for message in messages
                   if message["method"] == "Network.requestWillBeSent"]
        self.assertEqual([url for url in fetched if not re.search(r"^file:.*/report\.html$", url)], [])

    def charts(self, part="main"):
        """The visible charts in a part of the page. Waits until they are drawn."""
        return self.wait_for("""
            const all = Array.from(document.querySelectorAll(arguments[0] + ' .chart'))
              .filter(chart => chart.checkVisibility());
            for (const chart of all) chart.querySelector('.dygraph-axis-label') || chart.scrollIntoView();
            return all.every(chart => chart.querySelector('.dygraph-axis-label')) ? all : null;""", part)

    def chart(self, caption):
        """The first chart whose caption begins with `caption`, scrolled to the middle of the screen."""
        return self.wait_for("""
            const figure = Array.from(document.querySelectorAll('figure')).find(f =>
              f.checkVisibility() && f.querySelector('.chart') &&
              f.querySelector('figcaption').textContent.startsWith(arguments[0]));
            figure.scrollIntoView({block: 'center'});
            const chart = figure.querySelector('.chart');
            return chart.querySelector('.dygraph-axis-label') && chart;""", caption)

    def graph(self, chart, script):
        """The value of a script in which `g` is the chart's Dygraph."""
        return self.js(f"""const g = charts.find(c => arguments[0].contains(c.graph.graphDiv)).graph;
                           {script}""", chart)

    def drag(self, chart, *places):
        """Moves the mouse to the given shares of the plot's width. With two shares, drags from one to the other."""
        plot = chart.find_element(By.CSS_SELECTOR, ".plot")
        actions = ActionChains(self.browser, duration=50)
        for i, share in enumerate(places):
            actions.move_to_element_with_offset(plot, int((share - 0.5) * plot.size["width"]), 10)
            if i == 0 and len(places) > 1:
                actions.click_and_hold()
        (actions.release() if len(places) > 1 else actions).perform()

    def readout(self, chart):
        """The heading of a chart's readout, and its values by name."""
        found = self.wait_for("""
            const readout = arguments[0].querySelector('.readout');
            return readout.checkVisibility() && [readout.querySelector('b').textContent,
              Array.from(readout.querySelectorAll('div'), line => [
                line.querySelector('span')?.textContent, line.querySelector('output')?.textContent])];""",
                              chart)
        return found[0], dict(found[1])

    def press(self, chart, text):
        button = next(b for b in chart.find_elements(By.CSS_SELECTOR, ".tools button") if b.text == text)
        button.click()
        return button

    # ---- Every page ----

    def check_page(self, path, charts):
        """Checks a page at three widths and in two modes. At least `charts` charts must be visible."""
        xml.etree.ElementTree.fromstring(path.read_text().replace("<!DOCTYPE html>", ""))
        self.open(path)
        self.assertGreaterEqual(len(self.charts()) if charts else 0, charts, path)
        for mode in ("light", "dark"):
            for width in (1600, 900, 400):
                self.look(width, mode)
                self.wait_for("return matchMedia(`(prefers-color-scheme: ${arguments[0]})`).matches", mode)
                self.wait_for(FITS)
                self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), width, (path, mode))
                self.assertEqual(self.js(CONTRAST), [], (path, mode, width))
        self.assert_quiet()

    def test_sweep(self):
        folder = self.sweep()
        self.check_page(folder / "report.html", 4)
        self.open(folder / "report.html")
        self.assertRegex(self.browser.title, r"^sweep: .* on synthetic · .*sweep$")
        self.assertIn("sweep --data synthetic", self.js("return document.querySelector('main').innerText"))
        # Each method has two bars with whiskers, each for several runs.
        self.assertEqual(self.js("return document.querySelectorAll('.whisker').length"), 6)

    def test_compare_and_profile(self):
        self.check_page(self.make("compare", "compare", *TINY, "--epochs", 2) / "report.html", 4)
        self.assertRegex(self.browser.title, r"^compare: .* · 20")
        self.assertIn("compare --data synthetic --width 8", self.js("return document.querySelector('main').innerText"))
        self.check_page(self.make("profile", "profile", *TINY, "--seconds", 1) / "report.html", 6)
        self.assertRegex(self.browser.title, r"^profile: exact on .* · 20")
        self.assertIn("profile --data synthetic --width 8", self.js("return document.querySelector('main').innerText"))

    def test_studies(self):
        (self.folder / "runs").mkdir()
        for name in ("flooding", "generalization", "gradient-error"):
            shutil.copy(STUDIES / f"{name}.json", self.folder / "runs")
        self.succeed("report", "runs")
        self.check_page(self.folder / "runs/report.html", 8)

    def test_three_hundred_runs(self):
        record = json.loads((self.sweep() / "exact-gamma0.01-seed1/train.json").read_text())
        for i in range(300):
            run = copy.deepcopy(record)
            run["config"].update(gamma=10 ** -(i % 30 / 10), seed=i // 30)
            epoch = run["rows"][0]["curve"][-1]
            run["rows"][0]["curve"] = [{**epoch, "epoch": k, "train_loss": 2 / (k + i / 50)} for k in range(1, 13)]
            (self.folder / f"runs/run{i}").mkdir(parents=True)
            (self.folder / f"runs/run{i}/train.json").write_text(json.dumps(run))
        self.succeed("report", "runs")
        self.check_page(self.folder / "runs/report.html", 3)
        chart = self.chart("Training loss")
        begin = time.monotonic()
        self.drag(chart, 0.5)
        heading, values = self.readout(chart)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertRegex(heading, r"^epoch \d+$")
        self.assertLessEqual(len(values), 13)

    # ---- Controls ----

    def test_values_under_the_pointer(self):
        folder = self.sweep()
        self.open(folder / "report.html")
        for field, caption, scale in (("train_loss", "Training loss", 1), ("test_accuracy", "Test accuracy", 100)):
            chart = self.chart(caption)
            for share in (0.3, 0.8):
                self.drag(chart, share)
                heading, values = self.readout(chart)
                epoch = int(heading.removeprefix("epoch "))
                self.assertEqual({name.split(",")[0] for name in values}, {"sgd", "exact", "f-gr"})
                for name, value in values.items():
                    setting = name.replace(", gamma ", "-gamma").replace(", epsilon ", "-epsilon")
                    runs = [json.loads(path.read_text())["rows"][0]["curve"][epoch - 1][field]
                            for path in folder.glob(f"{setting}-seed*/train.json")]
                    self.assertEqual(len(runs), 2, setting)
                    shown = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", value)]
                    expected = [statistics.mean(runs), min(runs), max(runs)]
                    for number, exact in zip(shown, expected):
                        self.assertAlmostEqual(number / (scale * exact), 1, 3, (name, value, runs))
                    self.assertIn(len(shown), (1, 3))
        # The other charts of the section show the line too. Outside the charts there is no readout.
        self.assertGreaterEqual(self.js("return document.querySelectorAll('.crosshair.shown').length"), 3)
        ActionChains(self.browser).move_to_element(self.browser.find_element(By.TAG_NAME, "h1")).perform()
        self.wait_for("return document.querySelectorAll('.crosshair.shown, .readout:not(.hidden)').length === 0")
        # The same with the keyboard.
        plot = chart.find_element(By.CSS_SELECTOR, ".plot")
        plot.send_keys(Keys.ARROW_RIGHT)
        self.assertEqual(self.readout(chart)[0], "epoch 1")
        plot.send_keys(Keys.ARROW_RIGHT)
        self.assertEqual(self.readout(chart)[0], "epoch 2")
        plot.send_keys(Keys.END)
        self.assertEqual(self.readout(chart)[0], "epoch 12")

    def test_bounds_and_levels(self):
        self.open(self.sweep() / "report.html")
        chart = self.chart("over gamma")
        self.drag(chart, 0.97)
        heading, values = self.readout(chart)
        self.assertEqual(heading, "gamma 0.05")
        row = next(row for row in json.loads((self.sweep() / "sweep.json").read_text())["rows"]
                   if row["method"] == "exact" and row["options"].get("gamma") == 0.05)
        mean, deviation = 100 * row["test_accuracy"], 100 * row["test_accuracy_std"]
        shown = [float(number) for number in re.findall(r"[\d.]+", values["exact"])]
        for number, expected in zip(shown, [mean] + ([mean - deviation, mean + deviation] if deviation else [])):
            self.assertAlmostEqual(number / expected, 1, 2, (values, row))
        self.assertIn("sgd", values)  # sgd does not depend on gamma, so its value is a horizontal line
        # The vertical line is at the values in the readout, also on a logarithmic axis.
        self.drag(chart, 0.6)
        self.assertEqual(self.readout(chart)[0], "gamma 0.01")
        place = self.js("return arguments[0].querySelector('.crosshair').offsetLeft", chart)
        area = self.graph(chart, "return g.getArea()")
        self.assertAlmostEqual((place - area["x"]) / area["w"], math.log(10) / math.log(50), 2)

    def test_zoom(self):
        self.open(self.sweep() / "report.html")
        loss, accuracy = self.chart("Test accuracy"), self.chart("Training loss")
        ranges = lambda: [self.graph(c, "return g.xAxisRange()") for c in (loss, accuracy)]
        before = ranges()
        self.drag(loss, 0.4, 0.7)
        zoomed = ranges()
        self.assertEqual(zoomed[0], zoomed[1])
        self.assertLess(zoomed[0][1] - zoomed[0][0], 0.5 * (before[0][1] - before[0][0]))
        self.assertGreater(zoomed[0][0], before[0][0])
        ActionChains(self.browser).double_click(loss.find_element(By.CSS_SELECTOR, ".plot")).perform()
        self.assertEqual(ranges(), before)
        self.drag(accuracy, 0.4, 0.7)
        self.assertNotEqual(ranges(), before)
        self.press(accuracy, "show all")
        self.assertEqual(ranges(), before)
        self.assertFalse(self.graph(loss, "return g.isZoomed()"))

    def test_logarithm_and_smoothing(self):
        self.open(self.sweep() / "report.html")
        chart = self.chart("Gradient norm")
        # The middle of the range lies halfway up on a linear axis only, so it shows the kind of axis.
        middle = lambda: self.graph(chart, """
            const [low, high] = g.yAxisRange();
            return (g.toDomYCoord((low + high) / 2) - g.toDomYCoord(high)) / g.getArea().h;""")
        linear = self.js("return arguments[0].querySelector('[aria-pressed=true]') === null", chart)
        if not linear:
            self.press(chart, "log y")
        self.assertAlmostEqual(middle(), 0.5, 3)
        self.press(chart, "log y")
        self.assertLess(middle(), 0.49)
        self.press(chart, "log y")
        self.assertAlmostEqual(middle(), 0.5, 3)
        across = lambda: self.graph(chart, "return g.toPercentXCoord(6)")
        before = across()
        self.press(chart, "log x")
        self.assertGreater(across(), before + 0.1)
        self.press(chart, "log x")
        image = lambda: self.js("return Array.from(arguments[0].querySelectorAll('canvas'), c => c.toDataURL())", chart)
        sharp = image()
        slider = chart.find_element(By.CSS_SELECTOR, ".tools input")
        slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.assertEqual(chart.find_element(By.CSS_SELECTOR, ".tools label output").text, "mean of 3")
        self.assertNotEqual(image(), sharp)

    def test_legend(self):
        self.open(self.make("compare", "compare", *TINY, "--epochs", 2) / "report.html")
        chart = self.chart("Training loss")
        button = self.js("""return Array.from(arguments[0].closest('section').querySelectorAll('[data-toggle]'))
                              .find(b => b.dataset.toggle === 'f-gr')""", chart)
        self.drag(chart, 0.5)
        self.assertIn("f-gr", self.readout(chart)[1])
        button.click()
        self.drag(chart, 0.6)
        values = self.readout(chart)[1]
        self.assertNotIn("f-gr", values)
        self.assertIn("exact", values)
        button.click()
        self.drag(chart, 0.4)
        self.assertIn("f-gr", self.readout(chart)[1])

    def test_tables_and_lists(self):
        self.open(self.sweep() / "report.html")
        for direction in (1, -1):
            numbers = self.js("""
                const table = Array.from(document.querySelectorAll('table')).find(t => t.rows.length > 3);
                const heading = table.querySelector('thead th.number');
                heading.querySelector('button').click();
                return Array.from(table.tBodies[0].rows, row => row.cells[heading.cellIndex].dataset.order)
                  .filter(text => text !== '').map(Number);""")
            self.assertEqual(numbers, sorted(numbers, reverse=direction < 0))
            self.assertGreater(len(set(numbers)), 1)
        before = self.js("return Array.from(document.querySelectorAll('.choice'), c => c.innerText)")
        changed = self.js("""
            const lists = Array.from(document.querySelectorAll('.choice'));
            for (const list of lists) {
              const select = list.querySelector('select');
              if (!select) continue;
              select.selectedIndex = 1;
              select.dispatchEvent(new Event('change'));
            }
            return lists.map(list => Array.from(list.querySelectorAll(':scope > div'), d => d.checkVisibility()));""")
        self.assertTrue(before)
        for shown in changed:
            self.assertEqual(shown, [i == 1 for i in range(len(shown))] if len(shown) > 1 else [True])
        self.charts(".choice")
        # Charts that were hidden while the screen changed must fit when they are shown again.
        self.look(900)
        time.sleep(0.2)
        self.js("""for (const select of document.querySelectorAll('.choice select')) {
                     select.selectedIndex = 0;
                     select.dispatchEvent(new Event('change'));
                   }""")
        self.charts(".choice")
        self.wait_for(FITS)
        self.assert_quiet()

    def test_flame_graph_and_timeline(self):
        folder = self.make("profile", "profile", *TINY, "--seconds", 1)
        steps = json.loads((folder / "report.json").read_text())["twice"]["steps"]
        self.open(folder / "report.html")
        shown = """return Array.from(document.querySelectorAll('#steps details tbody tr'))
                     .filter(row => row.checkVisibility()).map(row => row.cells[0].textContent)"""
        click = "document.querySelector(arguments[0]).click()"
        layer = '.flame [data-layer="linear2"]'
        # The width of a frame is its share of the time. A click on a layer gives it the whole width.
        shares = self.js("""const whole = document.querySelector('.flame').clientWidth;
                            return [arguments[0], '.flame'].map(place =>
                              document.querySelector(place + ' .flame-bar').clientWidth / whole);""", layer)
        part = sum(step["ms"] for step in steps if step["layer"] == "linear2") / sum(step["ms"] for step in steps)
        self.assertAlmostEqual(shares[0], part, delta=0.02)
        self.js(click, layer + " > .flame-bar")
        wide = self.js("return document.querySelector(arguments[0]).clientWidth / "
                       "document.querySelector('.flame').clientWidth", layer)
        self.assertGreater(wide, 0.98)
        of_layer = [step for step in steps if step["layer"] == "linear2"]
        self.assertEqual(sorted(self.js(shown)), sorted(step["label"] for step in of_layer))
        self.js(click, layer + ' [data-phase="backward"] > .flame-bar')
        backward = [step["label"] for step in of_layer if step["phase"] == "backward"]
        self.assertEqual(sorted(self.js(shown)), sorted(backward))
        self.js(click, ".flame > .branch > .flame-bar")
        self.assertEqual(len(self.js(shown)), len(steps))
        # A step lies at its start on the timeline, and a click on it shows its op.
        left = self.js("""const step = document.querySelectorAll('.timeline button')[arguments[0]];
                          return step.getBoundingClientRect().left - step.parentElement.getBoundingClientRect().left""", 0)
        self.assertLess(abs(left), 1)
        self.js(click, '.timeline [data-phase="update"][data-step="optimizer"]')
        self.assertEqual(self.js(shown), ["optimizer"])
        self.assert_quiet()

    @unittest.skipIf(not shutil.which("dot"), "no dot; ./twice test --with explain installs it")
    def test_graphs_of_a_plan(self):
        page = self.make("explain", "explain", "--html", *TINY, "--depth", 2, "--threads", 1) / "report.html"
        self.check_page(page, 0)
        node = "[...document.querySelectorAll('.stage:not(.hidden) .node')]"
        for mode in ("light", "dark"):
            self.open(page, mode=mode)
            self.assertEqual(0, self.js(LUMINANCE + f"""
                return {node}.map(node => [node.querySelector('polygon, ellipse'), node.querySelector('text')]
                    .map(part => luminance(channels(getComputedStyle(part).fill))))
                  .filter(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5).length;"""), mode)
        self.open(page)
        stages = json.loads(self.js("return document.querySelector('.explained').dataset.stages"))
        panel = lambda: self.js("return document.querySelector('.node-words h3')?.textContent")
        stage = lambda: self.js("""
            const shown = [...document.querySelectorAll('.stage')].map(s => s.checkVisibility());
            return shown.filter(Boolean).length === 1 ? shown.indexOf(true) : null;""")
        words = lambda: self.js("return document.querySelector('.stage-words').textContent")
        find = lambda selector: self.browser.find_element(By.CSS_SELECTOR, selector)
        # The slider, and a pass of the table.
        self.assertEqual((stage(), words()), (0, stages[0]["words"]))
        self.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_RIGHT)
        self.assertEqual(stage(), 1)
        self.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)
        self.assertEqual(stage(), 0)
        slider = find(".explained input")
        slider.send_keys(Keys.ARROW_RIGHT)
        self.assertEqual((stage(), words()), (1, stages[1]["words"]))
        slider.send_keys(Keys.END)
        self.assertEqual(stage(), len(stages) - 1)
        self.browser.find_element(By.LINK_TEXT, "accumulate").click()
        self.assertTrue(words().startswith("After accumulate: "), words())
        self.assertIn("accumulate", self.js("return document.querySelector('tr.current').textContent"))
        self.browser.find_element(By.LINK_TEXT, "as recorded").click()
        # The details of a node are shown while the pointer is on the node. A click keeps the details.
        relu = self.js(f"return {node}.find(n => n.textContent.includes('relu'))")
        name = "%" + self.js("return arguments[0].querySelector('title').textContent", relu)
        self.js("arguments[0].scrollIntoView({block: 'center'})", relu)
        ActionChains(self.browser).move_to_element(relu).perform()
        self.assertEqual(panel(), name)
        self.assertIn("relu", find(".node-words").text)
        ActionChains(self.browser).move_to_element(slider).perform()
        self.assertIsNone(panel())
        ActionChains(self.browser).move_to_element(relu).click().move_to_element(slider).perform()
        self.assertEqual(panel(), name)
        # From a node of the backward sweep to its forward op.
        backward = next(n for n, rows in stages[0]["nodes"].items()
                        if dict(rows)["phase"] == "backward" and dict(rows).get("recorded by") == f"vjp of {name} relu")
        self.js(f"{node}.find(n => '%' + n.querySelector('title').textContent === arguments[0]).focus()", backward)
        self.assertEqual(panel(), backward)
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertEqual(self.js("return '%' + document.querySelector('.node.chosen title').textContent"), backward)
        self.js("""[...document.querySelectorAll('.node-words dl div')]
                     .find(row => row.textContent.startsWith('forward op')).querySelector('a').click()""")
        self.assertEqual(panel(), name)
        inside = self.js("""
            const node = document.querySelector('.stage:not(.hidden) .node.chosen').getBoundingClientRect();
            const view = document.querySelector('.stages').getBoundingClientRect();
            return node.top >= view.top - 1 ? node.bottom - view.bottom - 1 : 1e9;""")
        self.assertLessEqual(inside, 0)
        # The arrow keys work on nodes, too, and the chosen node stays chosen.
        self.js(f"{node}[0].focus()")
        self.browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        self.assertEqual((stage(), panel()), (1, name))
        width = lambda: self.js("return document.querySelector('.stage:not(.hidden) svg').getBoundingClientRect().width")
        before = width()
        self.browser.find_element(By.CSS_SELECTOR, "[data-zoom='1']").click()
        self.assertAlmostEqual(width() / before, 1.25, 2)
        self.assert_quiet()

    def test_a_page_under_way_shows_the_newer_one(self):
        page = self.folder / "report.html"
        head = '<html><head><title>{}</title></head><body><p data-reload="{}">.</p>'
        html = (self.sweep() / "report.html").read_text()
        script = next(s for s in re.findall("<script>.*?</script>", html, re.DOTALL) if "[data-reload]" in s)
        page.write_text(head.format("old", 0.2) + script + "</body></html>")
        self.open(page)
        self.assertEqual(self.browser.title, "old")
        page.write_text("<html><head><title>new</title></head><body></body></html>")
        self.wait_for("return document.title === 'new'")
        # A page that is in use does not reload.
        page.write_text(head.format("old", 0.2) + script + "</body></html>")
        self.open(page)
        self.js("dispatchEvent(new Event('pointermove'))")
        page.write_text("<html><head><title>new</title></head><body></body></html>")
        time.sleep(1)
        self.assertEqual(self.browser.title, "old")

    def test_colours_follow_the_mode(self):
        self.open(self.sweep() / "report.html")
        chart = self.chart("Training loss")
        colours = lambda: self.graph(chart, "return g.getColors()")
        light = colours()
        self.look(1600, "dark")
        end = time.monotonic() + 10
        while set(light) & set(dark := colours()):
            self.assertLess(time.monotonic(), end, dark)
        self.assertEqual(len(light), len(dark))


if __name__ == "__main__":
    main()
