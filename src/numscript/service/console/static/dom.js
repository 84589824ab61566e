// Elements by a word: make('a', { href }, 'text', child). No text ever becomes markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, inside) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...inside.flat(9).filter((each) => each !== null && each !== undefined && each !== false));
  return node;
}

export function make(tag, attributes = {}, ...inside) {
  return fill(document.createElement(tag), attributes, inside);
}

export function draw(tag, attributes = {}, ...inside) {
  return fill(document.createElementNS(SVG, tag), attributes, inside);
}

/** A table. `columns`: [title, class]; `rows`: lists of cells, the first being the row's head. */
export function table(caption, columns, rows, kind = 'cards') {
  const cell = (inside, at) =>
    make(at ? 'td' : 'th', { class: columns[at][1], scope: at ? undefined : 'row' }, inside);
  const place = make('div', { class: 'scroll' },
    make('table', { class: kind },
      make('caption', {}, caption),
      make('thead', {}, make('tr', {},
        columns.map(([title, name]) => make('th', { scope: 'col', class: name }, title)))),
      make('tbody', {}, rows.map((row) => make('tr', {}, row.map(cell))))));
  // What is wider than its place can be scrolled by keys, and so must take them.
  new ResizeObserver(() => {
    const wider = place.scrollWidth > place.clientWidth;
    for (const [name, value] of [['tabindex', 0], ['role', 'group'], ['aria-label', caption]])
      if (wider) place.setAttribute(name, value);
      else place.removeAttribute(name);
  }).observe(place);
  return place;
}

/** Say something to everybody, also to those who do not see it. */
export function say(text) {
  const place = document.getElementById('said');
  place.textContent = text;
  clearTimeout(say.waiting);
  say.waiting = setTimeout(() => (place.textContent = ''), 4000);
}

/** A dialog that is gone when it is closed; gives what it was closed with. */
export function ask(title, ...inside) {
  return new Promise((resolve) => {
    const box = make('dialog', { 'aria-label': title, onclose: () => (box.remove(), resolve(box.returnValue)) },
      make('h2', {}, title), inside);
    document.body.append(box);
    box.showModal();
  });
}

/** Ask whether to do something that cannot be undone. */
export async function confirm(title, text, yes) {
  return (await ask(title, make('p', {}, text),
    make('form', { method: 'dialog', class: 'row' },
      make('button', { value: 'no', autofocus: true }, 'Cancel'),
      make('button', { value: 'yes', class: 'main' }, yes)))) === 'yes';
}

/** How many of something: `1 account`, `2 accounts`. */
export const count = (number, word) => `${number} ${word}${String(number) === '1' ? '' : 's'}`;

/** An instant as people here write it, with the zone that it is in. */
export function when(instant) {
  const date = new Date(instant);
  const shown = Number.isNaN(date.getTime()) ? instant
    : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
  return make('time', { datetime: instant, title: instant }, shown);
}
