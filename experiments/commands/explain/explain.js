// The passes of a program: the slider, the arrow keys and the table choose the picture; the pointer,
// the focus and a click choose a node, whose details are beside the picture.
document.addEventListener('DOMContentLoaded', () => document.querySelectorAll('.explained').forEach(root => {
  const stages = JSON.parse(root.dataset.stages), pictures = Array.from(root.querySelectorAll('.stage'));
  const slider = root.querySelector('input'), panel = root.querySelector('.node-words');
  if (!slider) return;
  root.classList.add('live');
  let now = 0, chosen = '', zoom = 0;
  const title = part => part.querySelector('title').textContent;
  const nameOf = node => '%' + title(node);
  const parts = kind => Array.from(pictures[now].querySelectorAll(kind));
  const element = (tag, text) => Object.assign(document.createElement(tag), {textContent: text ?? ''});

  // "%27" in a text leads to that node where the picture has it.
  const linked = text => {
    const result = element('dd');
    for (const piece of text.split(/(%\d+(?:\.\d+)?)/)) {
      const known = piece.startsWith('%') && stages[now].nodes[piece];
      const part = known ? element('a', piece) : document.createTextNode(piece);
      if (known) {
        part.href = '#' + piece;
        part.addEventListener('click', event => { event.preventDefault(); choose(piece); });
      }
      result.append(part);
    }
    return result;
  };
  const describe = name => {
    const rows = stages[now].nodes[name];
    panel.replaceChildren();
    if (!rows) {
      panel.append(element('p', name ? 'This picture has no ' + name + '.' : 'The details of a node appear here.'));
      return;
    }
    const list = element('dl');
    for (const [term, text] of rows) {
      const row = element('div');
      row.append(element('dt', term), linked(text));
      list.append(row);
    }
    panel.append(element('h3', name), list);
  };
  const choose = name => {
    chosen = name;
    for (const node of parts('.node')) {
      node.classList.toggle('chosen', nameOf(node) === name);
      if (nameOf(node) === name) node.scrollIntoView({block: 'nearest', inline: 'nearest'});
    }
    for (const edge of parts('.edge')) edge.classList.toggle('chosen', title(edge).split('->').includes(name.slice(1)));
    describe(name);
  };
  const resize = () => {
    const picture = pictures[now].querySelector('svg');
    if (!picture) return;
    const width = picture.viewBox.baseVal.width;
    const fit = Math.min(1, Math.max(0.6, (root.querySelector('.stages').clientWidth - 16) / width));
    Object.assign(picture.style, {width: width * fit * 1.25 ** zoom + 'px', height: 'auto'});
  };
  const show = stage => {
    now = Math.min(stages.length - 1, Math.max(0, stage));
    slider.value = now;
    slider.setAttribute('aria-valuetext', stages[now].words);
    root.querySelector('.stage-words').textContent = stages[now].words;
    pictures.forEach((picture, i) => picture.classList.toggle('hidden', i !== now));
    root.querySelectorAll('tr[data-stage]').forEach(row => row.classList.toggle('current', +row.dataset.stage === now));
    resize();
    choose(chosen);
  };

  slider.addEventListener('input', () => show(+slider.value));
  // If no element has the focus, the arrow keys act on the program in the middle of the screen.
  document.addEventListener('keydown', event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], all = Array.from(document.querySelectorAll('.explained'));
    const middle = all.findLast(part => innerHeight / 2 > part.getBoundingClientRect().top) ?? all[0];
    if (!step || event.target === slider) return;
    if (event.target === document.body ? middle !== root : !root.contains(event.target)) return;
    event.preventDefault();
    show(now + step);
  });
  root.querySelectorAll('tr[data-stage]').forEach(row => row.querySelector('a').addEventListener('click', event => {
    event.preventDefault();
    show(+row.dataset.stage);
  }));
  root.querySelectorAll('[data-zoom]').forEach(button => button.addEventListener('click', () => {
    zoom += +button.dataset.zoom;
    resize();
  }));
  pictures.forEach((picture, stage) => picture.querySelectorAll('.node').forEach(node => {
    const name = nameOf(node), rows = stages[stage].nodes[name];
    node.setAttribute('tabindex', 0);
    node.setAttribute('role', 'button');
    node.setAttribute('aria-label', name + ' ' + rows[0][1]);
    for (const event of ['pointerenter', 'focus']) node.addEventListener(event, () => describe(name));
    for (const event of ['pointerleave', 'blur']) node.addEventListener(event, () => describe(chosen));
    node.addEventListener('click', () => choose(name));
    node.addEventListener('keydown', event => { if (event.key === 'Enter') choose(name); });
  }));
  addEventListener('resize', resize);
  show(0);
}));
