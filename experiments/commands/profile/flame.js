// A click on a part of the flame graph or of the timeline shows that part alone, and its steps in
// the table below. This file must not contain a less-than sign or an ampersand.
document.addEventListener('DOMContentLoaded', () => document.querySelectorAll('.flame').forEach(flame => {
  const section = flame.closest('section'), words = section.querySelector('.flame-words');
  const table = section.querySelector('details table'), explanation = words.textContent;
  const headings = Array.from(table.tHead.rows[0].cells, cell => cell.textContent.trim());
  const text = (row, name) => row.cells[headings.indexOf(name)].textContent;
  const part = (element, name) => element.closest('[data-' + name + ']')?.dataset[name];
  const show = (element, branch) => {
    flame.querySelectorAll('.branch').forEach(b => b.classList.remove('hidden'));
    for (let b = branch; b; b = b.parentElement.closest('.branch'))
      for (const other of b.parentElement.children) other.classList.toggle('hidden', other !== b);
    const wanted = ['layer', 'phase', 'step'].map(name => [name, part(element, name)])
                       .filter(pair => pair[1] !== undefined);
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = wanted.every(pair => text(row, pair[0]) === pair[1]);
      row.classList.toggle('hidden', !fits);
      count += fits;
    }
    words.textContent = wanted.length === 0 ? explanation
        : count + (count === 1 ? ' step of ' : ' steps of ') +
          wanted.map(pair => pair[1]).join(', ') + '. A click on the top bar shows all again.';
    if (wanted.length) table.closest('details').open = true;
    for (const step of section.querySelectorAll('.timeline button'))
      step.classList.toggle('faint', wanted.some(pair => step.dataset[pair[0]] !== pair[1]));
  };
  flame.querySelectorAll('.flame-bar').forEach(frame => frame.addEventListener('click', () => {
    show(frame.parentElement, frame.parentElement);
  }));
  section.querySelectorAll('.timeline button').forEach(step => step.addEventListener('click', () => {
    const find = (under, name) => Array.from(under.querySelectorAll('[data-' + name + ']'))
        .find(b => b.dataset[name] === step.dataset[name]);
    show(step, ['layer', 'phase', 'step'].reduce(find, flame));
  }));
  let scale = 1;
  section.querySelectorAll('[data-zoom]').forEach(button => button.addEventListener('click', () => {
    scale = Math.min(64, Math.max(1, scale * button.dataset.zoom));
    section.querySelector('.timeline').style.width = 100 * scale + '%';
  }));
}));
