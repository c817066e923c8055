// Draws the charts of a page with dygraphs, from the numbers in their attribute data-plot (plots.h,
// curve_plot). Charts have a crosshair with values, zoom, logarithmic axes and smoothing. For
// dygraphs, the names of series are numbers. All words are set as text, because a record may
// contain any name.
const charts = [];
const dark = matchMedia('(prefers-color-scheme: dark)');
const add = (parent, tag, name, text = '') => {
  const element = parent.appendChild(document.createElement(tag));
  element.className = name;
  element.textContent = text;
  return element;
};
const significant = (value, count) => {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-4 && size < 1e6) ? String(Number(value.toPrecision(count)))
    : value.toExponential(count - 1).replace(/\.?0*e\+?/, 'e');
};
const powerOfTen = power => power === 0 ? '1'
  : '10' + Array.from(String(power), c => c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]).join('');

// Powers of ten and, if fewer than three are visible, their multiples by 2 and 5.
const logTicks = (low, high, most, text) => {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const ticks = [];
  const steps = last - first < 2 ? [1, 2, 5] : [1];
  const stride = Math.ceil((last - first + 1) / Math.max(most, 2)), plain = high < 1e4 * low;
  for (let power = steps.length > 1 ? first - 1 : first; power <= last; power += Math.max(stride, 1))
    for (const step of steps) {
      const v = step * 10 ** power;
      if (v >= low && v <= high) ticks.push({v, label: plain ? text(v) : powerOfTen(power)});
    }
  return ticks;
};

// The curve's value at x: a point of the record, or interpolated between two points.
const valueAt = (curve, x) => {
  const i = curve.x.indexOf(x);
  if (i >= 0) return {y: curve.y[i], low: curve.low?.[i], high: curve.high?.[i]};
  const next = curve.x.findIndex(other => other > x);
  if (next < 1 || curve.dots) return {y: null};
  const share = (x - curve.x[next - 1]) / (curve.x[next] - curve.x[next - 1]);
  const [y0, y1] = [curve.y[next - 1], curve.y[next]];
  return {y: y0 === null || y1 === null ? null : y0 + share * (y1 - y0), between: true};
};

function draw(root) {
  const plot = JSON.parse(root.dataset.plot), {curves, percent} = plot;
  const section = root.closest('section');
  // Row k of an x holds the k-th point of each curve at this x. A curve without x has the x of the
  // curve before.
  const rows = new Map();
  let last = [];
  for (const curve of curves) {
    last = curve.x ??= last;
    const seen = new Map();
    curve.rows = curve.x.map(x => {
      const k = (seen.get(x) ?? 0) + 1;
      seen.set(x, k);
      rows.set(x + ' ' + k, [x, k]);
      return x + ' ' + k;
    });
  }
  const order = Array.from(rows.values()).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const places = new Map(order.map(([x, k], i) => [x + ' ' + k, i])), xs = order.map(row => row[0]);
  const longest = curves.reduce((most, curve) => Math.max(most, curve.x.length), 0);
  const bounds = curves.some(curve => curve.low), whole = xs.every(Number.isInteger);
  const many = curves.length > 12;
  const positive = y => y !== null && y >= 1e-250 && y <= 1e250;
  const state = {logX: plot.log_x ?? false, logY: plot.log_y ?? false, smooth: 1, row: -1};

  const tools = add(root, 'div', 'tools'), frame = add(root, 'div', 'frame');
  const box = add(frame, 'div', 'plot'), line = add(frame, 'i', 'crosshair');
  const readout = add(frame, 'div', 'readout hidden');
  add(root, 'div', 'x-title', plot.x_title);
  const ink = name => getComputedStyle(root).getPropertyValue('--' + name).trim();
  // The range of all x in the two cases where dygraphs would leave no space: a single x, and a
  // logarithmic axis.
  const home = () => {
    const [low, high] = [xs[0], xs[xs.length - 1]], around = Math.abs(low) / 2 || 1;
    const room = (high / low) ** 0.02;
    return low === high ? [low - around, low + around] : state.logX ? [low / room, high * room] : null;
  };
  // toDomXCoord does not support a logarithmic axis.
  const across = (g, x) => g.getArea().x + g.toPercentXCoord(x) * g.getArea().w;
  const format = (y, count = 5) => percent ? significant(100 * y, count) + ' %' : significant(y, count);

  // In dygraphs, null means that there is no point, and NaN means a gap.
  const table = () => {
    const data = xs.map(x => [x, ...curves.map(() => null)]);
    const fits = y => y !== null && y !== undefined && (!state.logY || positive(y));
    curves.forEach((curve, s) => curve.rows.forEach((row, i) => {
      const y = fits(curve.y[i]) ? curve.y[i] : NaN;
      const bound = values => fits(values?.[i]) ? values[i] : y;
      data[places.get(row)][s + 1] = bounds ? [bound(curve.low), y, bound(curve.high)] : y;
    }));
    return data;
  };
  const look = () => ({
    axisLineColor: ink('soft'), gridLineColor: ink('line'), highlightSeriesBackgroundColor: ink('card'),
    series: Object.fromEntries(curves.map((curve, s) => [String(s + 1), {
      color: ink(curve.ink) + (curve.thin ? '99' : ''),
      strokeWidth: curve.dots ? 0 : curve.thin ? 0.8 : curve.faint ? 1.4 : 2.2,
      strokePattern: curve.faint ? [2, 4] : curve.dashed ? [7, 5] : null,
      drawPoints: Boolean(curve.points), pointSize: 2.5,
    }])),
  });
  const visibility = () => {
    const hidden = Array.from(document.querySelectorAll('[data-toggle][aria-pressed=false]'))
      .filter(button => button.closest('section').contains(root)).map(button => button.dataset.toggle);
    return curves.map(curve => !hidden.includes(curve.name));
  };
  const ticker = axis => (low, high, pixels, options, g) => {
    const most = Math.floor(pixels / options('pixelsPerLabel'));
    const text = options('axisLabelFormatter');
    const ticks = options('logscale') ? logTicks(low, high, most, text) : [];
    const found = ticks.length > 1 ? ticks : Dygraph.numericLinearTicks(low, high, pixels, options, g);
    return axis === 'x' && whole ? found.filter(tick => Math.abs(tick.v - Math.round(tick.v)) < 1e-6) : found;
  };

  // Drawn behind the curves: slopes, the marked x and, if curves are smoothed, the raw curves.
  const underlay = (context, area, g) => {
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.w, area.h);
    context.clip();
    context.font = '12px sans-serif';
    context.strokeStyle = context.fillStyle = ink('soft');
    const write = (text, x, y) => {
      context.save();
      context.setLineDash([]);
      context.lineWidth = 5;
      context.strokeStyle = ink('card');
      context.strokeText(text, x, y);
      context.restore();
      context.fillText(text, x, y);
    };
    const stroke = (points, dash) => {
      context.beginPath();
      context.setLineDash(dash);
      points.forEach(([x, y]) => context.lineTo(across(g, x), g.toDomYCoord(y)));
      context.stroke();
    };
    const [left, right] = g.xAxisRange(), [bottom, top] = g.yAxisRange();
    if (state.logX && state.logY)
      for (const [slope, x0, y0, above] of plot.guides ?? []) {
        const height = x => y0 * (x / x0) ** slope, reach = y => x0 * (y / y0) ** (1 / slope);
        const a = Math.max(left, reach(bottom)), b = Math.min(right, reach(top));
        if (!(a < b && positive(height(a)) && positive(height(b)))) continue;
        stroke([[a, height(a)], [b, height(b)]], [5, 6]);
        const at = a ** (1 / 3) * b ** (2 / 3);
        context.textAlign = above ? 'right' : 'left';
        write(`slope ${slope}`, across(g, at) + (above ? -8 : 8),
          g.toDomYCoord(height(at)) + (above ? -6 : 12));
      }
    if (plot.mark > left && plot.mark < right) {
      const x = across(g, plot.mark);
      stroke([[plot.mark, bottom], [plot.mark, top]], [2, 4]);
      context.textAlign = x > area.x + area.w / 2 ? 'right' : 'left';
      write(plot.mark_text, x + (context.textAlign === 'left' ? 6 : -6), area.y + 12);
    }
    if (state.smooth > 1)
      curves.forEach((curve, s) => {
        if (!g.visibility()[s]) return;
        context.strokeStyle = ink(curve.ink) + '55';
        stroke(curve.x.map((x, i) => [x, curve.y[i]]).filter(point => point[1] !== null), []);
      });
    context.restore();
  };

  const group = () => charts.filter(other => other !== self && other.section === section &&
    other.title === plot.x_title && section);
  const isZoomedX = () => String(graph.xAxisRange()) !== String(home() ?? graph.xAxisExtremes());
  const zoomed = () => reset.classList.toggle('unused', !isZoomedX() && !graph.isZoomed('y'));
  const graph = new Dygraph(box, table(), {
    ...look(), labels: ['x', ...curves.map((_, s) => String(s + 1))],
    visibility: visibility(), customBars: bounds, fillAlpha: 0.14, connectSeparatedPoints: true,
    legend: 'never', resizable: 'passive', xRangePad: state.logX ? 0 : 8, yRangePad: 10, rightGap: 20,
    gridLineWidth: 1,
    axisLabelFontSize: 12, highlightCircleSize: many ? 0 : 4, animateBackgroundFade: false,
    highlightSeriesOpts: {strokeWidth: 3, highlightCircleSize: 4},
    highlightSeriesBackgroundAlpha: many ? 0.4 : 1, dateWindow: home(),
    logscale: state.logY, valueRange: plot.y_from === undefined ? null : [plot.y_from, null],
    underlayCallback: underlay,
    axes: {
      x: {drawGrid: false, axisLabelWidth: 40, logscale: state.logX, pixelsPerLabel: 42, ticker: ticker('x'),
          axisLabelFormatter: x => significant(x, 6)},
      y: {axisLabelWidth: 56, ticker: ticker('y'), axisLabelFormatter: y => format(y, 6)},
    },
    // The touch handlers of dygraphs are left out, because they would keep a finger from scrolling
    // the page.
    interactionModel: {mousedown: Dygraph.defaultInteractionModel.mousedown,
                       willDestroyContextMyself: true, dblclick: () => showAll()},
    zoomCallback: (low, high) => {
      if (graph.isZoomed('y'))
        graph.updateOptions({valueRange: graph.yAxisRange(), yRangePad: null}, true);
      if (isZoomedX()) group().forEach(other => other.zoom([low, high]));
      leave();
      zoomed();
    },
  });
  const showAll = () => {
    leave();
    graph.updateOptions({dateWindow: home(), valueRange: null, yRangePad: 10});
    group().forEach(other => other.zoom(null));
    zoomed();
  };

  // ---- Values ----
  const cross = x => {
    line.classList.toggle('shown', x !== null);
    if (x !== null) line.style.left = across(graph, x) + 'px';
  };
  const leave = () => {
    state.row = -1;
    graph.clearSelection();
    readout.classList.add('hidden');
    [self, ...group()].forEach(other => other.cross(null));
  };
  // One entry for each name, with the bounds of the curve or the range of its thin curves. The entry
  // nearest to the pointer comes first.
  const readings = (x, height) => {
    const lines = new Map();
    curves.forEach((curve, s) => {
      if (!graph.visibility()[s]) return;
      const {y, low, high, between} = valueAt(curve, x);
      if (y === null || y === undefined || (state.logY && !positive(y))) return;
      const name = curve.name + (curve.note ? `, ${curve.note}` : '');
      const entry = lines.get(name) ?? {name, ink: curve.ink, dashed: curve.dashed, distance: Infinity,
        ends: []};
      lines.set(name, entry);
      if (curve.thin) entry.ends.push(y);
      else entry.value = y, entry.between = between;
      if (curve.thin !== true && typeof low === 'number') entry.ends.push(low, high ?? low);
      const distance = Math.abs(graph.toDomYCoord(y) - height);
      if (!(distance >= entry.distance)) entry.distance = distance, entry.series = String(s + 1);
    });
    return Array.from(lines.values()).sort((a, b) => a.distance - b.distance);
  };
  const show = (row, height) => {
    const x = xs[row], found = readings(x, height), most = 12;
    if (x === undefined || found.length === 0) return leave();
    state.row = row;
    graph.setSelection(row, found[0].series);
    [self, ...group()].forEach(other => other.cross(x));
    readout.replaceChildren();
    add(readout, 'b', '', `${plot.x_title} ${significant(x, 6)}`);
    const size = entry => entry.value ?? entry.ends[0];
    for (const entry of found.slice(0, most).sort((a, b) => size(b) - size(a))) {
      const item = add(readout, 'div', entry === found[0] ? 'nearest' : '');
      const swatch = add(item, 'i', entry.dashed ? 'swatch dashed' : 'swatch');
      swatch.style.setProperty('--ink', `var(--${entry.ink})`);
      add(item, 'span', '', entry.name);
      const [low, high] = [Math.min(...entry.ends), Math.max(...entry.ends)];
      const range = entry.ends.length === 0 ? '' : `${format(low, 4)} to ${format(high, 4)}`;
      add(item, 'output', '', entry.value === undefined ? range
        : (entry.between ? '≈ ' : '') + format(entry.value) + (low < high ? ` (${range})` : ''));
    }
    if (found.length > most) add(readout, 'div', '', `and ${found.length - most} more`);
    readout.classList.remove('hidden');
    const at = across(graph, x), width = readout.offsetWidth;
    // The readout is beside the line and within the screen. It may extend beyond the figure.
    const from = box.getBoundingClientRect().left, end = document.documentElement.clientWidth - from - 8;
    const left = at + 14 + width > end ? at - 14 - width : at + 14;
    readout.style.left = Math.max(8 - from, Math.min(left, end - width)) + 'px';
  };
  box.addEventListener('pointermove', event => {
    const place = box.getBoundingClientRect();
    if (event.buttons === 0 || event.pointerType !== 'mouse')
      show(graph.findClosestRow(event.clientX - place.left), event.clientY - place.top);
  });
  // Otherwise dygraphs would mark the point that is nearest in both directions.
  frame.addEventListener('mousemove', event => event.buttons === 0 && event.stopPropagation(), true);
  box.addEventListener('pointerleave', leave);
  box.addEventListener('blur', leave);
  box.tabIndex = 0;
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', root.getAttribute('aria-label'));
  root.removeAttribute('role');
  box.addEventListener('keydown', event => {
    const steps = {ArrowRight: 1, ArrowLeft: -1, Home: -xs.length, End: xs.length};
    if (event.key === 'Escape') showAll();
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = state.row + steps[event.key] + (state.row === -1 && event.key === 'ArrowLeft');
    show(Math.max(0, Math.min(next, xs.length - 1)), 0);
  });

  // ---- Tools ----
  const button = (text, title, pressed, act) => {
    const result = add(tools, 'button', '', text);
    result.type = 'button';
    result.title = title;
    if (pressed !== null) result.setAttribute('aria-pressed', pressed);
    result.addEventListener('click', () => {
      if (pressed !== null) result.setAttribute('aria-pressed', pressed = !pressed);
      act(pressed);
    });
    return result;
  };
  const reset = button('show all', 'or double-click the plot; drag to zoom', null, showAll);
  if (longest > 8 && !curves.every(curve => curve.dots)) {
    const label = add(tools, 'label', '', 'smooth '), slider = add(label, 'input', '');
    Object.assign(slider, {type: 'range', min: 1, max: Math.ceil(longest / 3), value: 1,
      title: 'moving average; the recorded curve is faint'});
    const count = add(label, 'output', '');
    slider.addEventListener('input', () => {
      state.smooth = Number(slider.value);
      count.textContent = state.smooth > 1 ? `mean of ${state.smooth}` : '';
      graph.updateOptions({rollPeriod: state.smooth});
    });
  }
  if (xs.length > 2 && xs.every(positive) && xs[xs.length - 1] >= 10 * xs[0])
    button('log x', 'logarithmic x axis', state.logX, on => {
      state.logX = on;
      leave();
      graph.updateOptions({axes: {x: {logscale: on}}, xRangePad: on ? 0 : 8, dateWindow: home()});
      zoomed();
    });
  if (curves.some(curve => curve.y.some(positive)))
    button('log y', 'logarithmic y axis', state.logY, on => {
      state.logY = on;
      leave();
      graph.updateOptions({logscale: on, valueRange: null, yRangePad: 10, file: table()});
      zoomed();
    });
  const self = {
    section, title: plot.x_title, isZoomedX, cross, graph,
    zoom: range => {
      graph.updateOptions({dateWindow: range ?? home(), ...(range ? {} : {valueRange: null, yRangePad: 10})});
      zoomed();
    },
    refresh: () => graph.updateOptions(look()),
    toggle: () => graph.setVisibility({...visibility()}),
  };
  const peer = group().find(other => other.isZoomedX());
  if (peer) self.zoom(peer.graph.xAxisRange());
  zoomed();
  charts.push(self);
}

// A chart is drawn only when it comes near the visible part of the page. A page may have many charts,
// and some of them are in hidden parts.
const undrawn = new Set(document.querySelectorAll('.chart'));
const drawOnce = chart => undrawn.delete(chart) && draw(chart);
const near = new IntersectionObserver(
  entries => entries.filter(entry => entry.isIntersecting).forEach(entry => drawOnce(entry.target)),
  {rootMargin: '400px'});
undrawn.forEach(chart => near.observe(chart));
addEventListener('beforeprint', () => {
  for (const chart of undrawn) if (chart.checkVisibility()) drawOnce(chart);
});
document.addEventListener('click', event => {
  if (event.target.closest('[data-toggle]')) charts.forEach(chart => chart.toggle());
});
dark.addEventListener('change', () => charts.forEach(chart => chart.refresh()));
