// Style sheet and script of report pages. Neither may hold < or &, so that pages stay well-formed.
#include "experiments/report/page_style.h"

#include "experiments/report/palette.h"

namespace twice::experiments {
namespace {

constexpr const char* style = R"css(
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: break-word;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans",
  "Liberation Sans", sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 32px clamp(16px, 3vw, 44px) 72px; }
h1 { font-size: clamp(26px, 4vw, 36px); line-height: 1.15; margin: 0 0 4px;
  letter-spacing: -0.015em; }
h2 { font-size: 23px; line-height: 1.25; margin: 52px 0 12px; letter-spacing: -0.01em; }
h3 { font-size: 18px; margin: 32px 0 8px; }
h4 { font-size: 16px; margin: 24px 0 6px; }
p { max-width: 76ch; margin: 0 0 14px; }
a { color: var(--accent); }
.subtitle { color: var(--soft); font-size: 17px; margin-bottom: 18px; }
.note, .warning { color: var(--soft); font-size: 14.5px; }
.warning { border-left: 4px solid var(--f-gr); padding: 4px 0 4px 12px; color: var(--text); }
code { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono",
  monospace; font-size: 0.9em; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 160px), 1fr));
  gap: 14px; margin: 22px 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 16px 18px; }
.tiles strong { display: block; font-size: 30px; line-height: 1.2; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 14.5px; line-height: 1.4; display: block;
  margin-top: 4px; }
.bullets { padding-left: 20px; max-width: 82ch; }
.bullets li { margin-bottom: 8px; }

.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; margin: 14px 0; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 9px 9px; text-align: left; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr:hover > * { background: var(--hover); }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--card); }
[data-order], th.number { text-align: right; }
thead th { vertical-align: bottom; padding: 0; background: var(--card); }
thead th:first-child { position: sticky; left: 0; }
thead button { all: unset; box-sizing: border-box; width: 100%; cursor: pointer; color: var(--soft);
  font-weight: 600; font-size: 13px; line-height: 1.3; padding: 10px 9px; white-space: normal; }
thead button:hover, thead button:focus-visible { color: var(--text); }
thead button:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
[aria-sort=ascending] button::after { content: " ↑"; }
[aria-sort=descending] button::after { content: " ↓"; }

.tall { max-height: 76vh; overflow-y: auto; }
.tall thead th { position: sticky; top: 0; z-index: 1; box-shadow: 0 1px 0 var(--line); }
.tall thead th:first-child { z-index: 2; }
.words { white-space: normal; min-width: 24ch; }
.bad { color: var(--bad); font-weight: 600; }
.choice label { font-size: 14.5px; color: var(--soft); }
.choice select { font: inherit; color: var(--text); background: var(--card); margin-left: 6px;
  border: 1px solid var(--line); border-radius: 8px; padding: 5px 8px; max-width: 100%; }
.choice.live h4 { display: none; }

.swatch { display: inline-block; width: 20px; height: 0; border-top: 4px solid var(--ink);
  border-radius: 2px; vertical-align: middle; margin-right: 8px; }
.swatch.dashed { border: 0; height: 4px; border-radius: 0;
  background: repeating-linear-gradient(90deg, var(--ink) 0 8px, transparent 8px 12px); }
table .swatch { width: 10px; height: 10px; border: 0; border-radius: 3px; background: var(--ink);
  vertical-align: 0; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0;
  padding: 0; font-size: 14.5px; }
.legend button { all: unset; cursor: pointer; }
.legend button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.legend [aria-pressed=false] { opacity: 0.4; text-decoration: line-through; }
.figures { display: grid; gap: 16px; margin: 14px 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 14px 14px 8px; min-width: 0; overflow-x: auto; }
figure:has(svg[style]) { grid-column: 1 / -1; }
figure svg { display: block; width: 100%; max-width: 540px; margin: 0 auto; height: auto; }
figcaption { font-weight: 600; font-size: 15px; margin: 0 2px 6px; }
.gridline { stroke: currentColor; opacity: 0.13; }
.hidden { display: none; }

dl { margin: 12px 0; }
dl div { display: grid; gap: 0 20px; padding: 7px 0; border-top: 1px solid var(--line); }
dt { font-weight: 600; }
dd { margin: 0; color: var(--soft); }
.meanings div, .equations div { grid-template-columns: minmax(130px, 200px) 1fr; }
.equations dd { grid-column: 2; }
.equations code { color: var(--text); }
.equations dd + dd { font-size: 14.5px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr));
  gap: 0 36px; font-size: 14.5px; }
.facts div { grid-template-columns: minmax(90px, 2fr) 3fr; }
.facts dt { font-weight: 400; color: var(--soft); }
.facts dd { color: var(--text); }
summary { cursor: pointer; color: var(--accent); font-size: 14.5px; }
@media (max-width: 560px) {
  .meanings div, .equations div { grid-template-columns: 1fr; }
  .equations dd { grid-column: 1; }
  th, td, thead button { padding-left: 8px; padding-right: 8px; }
}
@media print { body { background: none; } figure, .wide { break-inside: avoid; } }
)css";

constexpr const char* script = R"js(
document.querySelectorAll('table').forEach(table => {
  const body = table.tBodies[0];
  table.querySelectorAll('thead button').forEach((button, column) => {
    const heading = button.parentElement;
    const cell = row => row.cells[column];
    button.addEventListener('click', () => {
      const sign = heading.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      for (const other of heading.parentElement.cells) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', sign === 1 ? 'ascending' : 'descending');
      const compare = (a, b) => {
        const x = cell(a).dataset.order, y = cell(b).dataset.order;
        if (x === undefined) {
          const text = [cell(a).textContent, cell(b).textContent];
          return sign * text[0].localeCompare(text[1], undefined, {numeric: true});
        }
        if (x === '' || y === '') return (x === '') - (y === '');
        return sign * (x - y);
      };
      body.append(...Array.from(body.rows).sort(compare));
    });
  });
});
document.querySelectorAll('.choice').forEach(choice => {
  const select = choice.querySelector(':scope > label select');
  if (!select) return;
  choice.classList.add('live');
  const parts = choice.querySelectorAll(':scope > div');
  const show = () => parts.forEach((part, i) => {
    part.classList.toggle('hidden', i !== select.selectedIndex);
  });
  select.addEventListener('change', show);
  show();
});
document.querySelectorAll('[data-toggle]').forEach(button => {
  button.addEventListener('click', () => {
    const show = button.getAttribute('aria-pressed') === 'false';
    button.setAttribute('aria-pressed', show);
    button.closest('section').querySelectorAll('[data-series]').forEach(series => {
      if (series.dataset.series === button.dataset.toggle) series.classList.toggle('hidden', !show);
    });
  });
});
)js";

}  // namespace

std::string page_style() {
  return ":root { color-scheme: light dark; --page: #f5f6f8; --card: #ffffff; --text: #1b2430; "
         "--soft: #5a6675; --line: #e0e4ea; --hover: #f0f4f8; --accent: #0068a3; --bad: #b3261e; " +
         ink_definitions(false) +
         "}\n@media (prefers-color-scheme: dark) { :root { --page: #0e1217; --card: #161b22; "
         "--text: #e6ebf1; --soft: #9ba7b5; --line: #2a323c; --hover: #1d242d; --accent: "
         "#5cb3f0; --bad: #ff8a80; " +
         ink_definitions(true) + "} }" + style;
}

std::string page_script() { return script; }

}  // namespace twice::experiments
