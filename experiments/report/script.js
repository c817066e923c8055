// The actions of a page. A click on a heading sorts its table, a list shows one of several parts,
// and a click on a legend hides a series.
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
// The page of a run under way reloads itself, but not while it is in use.
const underWay = document.querySelector('[data-reload]');
if (underWay) {
  let used = -Infinity;
  for (const kind of ['pointerdown', 'pointermove', 'wheel', 'keydown', 'touchmove'])
    addEventListener(kind, () => { used = performance.now(); }, {passive: true});
  const in_use_ms = 8000;
  setInterval(() => {
    if (performance.now() - used > in_use_ms) location.reload();
  }, 1000 * underWay.dataset.reload);
}
