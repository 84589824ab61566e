// A picture of postings: who paid whom how much. Accounts stand in columns (in rows, where there is
// little room), each after those that pay it; a band is as wide as its share of the asset.
import { amount, amountText } from './amounts.js';
import { draw, make, table } from './dom.js';

const NODE = { height: 30, least: 92, most: 190 };
const GAP = { across: 96, down: 54 };

/** Postings between the same accounts in the same asset, added up. */
export function bands(postings) {
  const found = new Map();
  for (const { source, destination, amount: value, asset, color } of postings) {
    const name = color ? `${asset} ${color}` : asset;
    const key = JSON.stringify([source, destination, name]);
    const band = found.get(key) ?? { source, destination, asset: name, amount: 0n };
    band.amount += BigInt(value);
    found.set(key, band);
  }
  return [...found.values()];
}

/** The layer of each account: behind all that pay it; circles are cut where they close. */
export function layers(rows) {
  const paid = new Map();
  for (const { source, destination } of rows) {
    for (const each of [source, destination]) if (!paid.has(each)) paid.set(each, new Set());
    if (source !== destination) paid.get(source).add(destination);
  }
  const order = [];
  const state = new Map();
  const visit = (start) => {
    const stack = [[start, [...paid.get(start)]]];
    state.set(start, 'open');
    while (stack.length) {
      const [account, left] = stack.at(-1);
      const next = left.shift();
      if (next === undefined) {
        state.set(account, 'done');
        order.unshift(account);
        stack.pop();
      } else if (state.get(next) === 'open') paid.get(account).delete(next);
      else if (!state.has(next)) {
        state.set(next, 'open');
        stack.push([next, [...paid.get(next)]]);
      }
    }
  };
  for (const account of paid.keys()) if (!state.has(account)) visit(account);
  const layer = new Map(order.map((account) => [account, 0]));
  for (const account of order)
    for (const next of paid.get(account)) layer.set(next, Math.max(layer.get(next), layer.get(account) + 1));
  const found = [];
  for (const account of paid.keys()) (found[layer.get(account)] ??= []).push(account);
  return found;
}

const cut = (text, width) => {
  const room = Math.max(4, Math.floor((width - 14) / 7.3));
  return text.length <= room ? text : `${text.slice(0, Math.ceil(room / 2) - 1)}…${text.slice(-Math.floor(room / 2))}`;
};

function picture(rows, width) {
  const columns = layers(rows);
  const deep = columns.length;
  const tall = Math.max(...columns.map((each) => each.length));
  const least = deep * NODE.least + (deep - 1) * GAP.across;
  const upright = width < least && tall <= 3;
  const node = upright
    ? Math.max(NODE.least, Math.min(NODE.most, width / tall - 10))
    : Math.max(NODE.least, Math.min(NODE.most, (width - (deep - 1) * GAP.across) / deep));
  const total = upright ? Math.max(width, tall * (node + 10)) : Math.max(width, least);
  const step = NODE.height + GAP.down;
  const height = upright ? (deep - 1) * step + NODE.height + 4 : tall * 50 + 8;
  const at = new Map();
  columns.forEach((accounts, depth) => accounts.forEach((account, place) => {
    const share = (place + 0.5) / accounts.length;
    at.set(account, upright
      ? { x: share * total - node / 2, y: 2 + depth * step }
      : { x: 1 + (deep > 1 ? (depth * (total - node - 2)) / (deep - 1) : 0), y: share * height - NODE.height / 2 });
  }));
  const largest = new Map();
  for (const { asset, amount: value } of rows) if (value > (largest.get(asset) ?? 0n)) largest.set(asset, value);
  const assets = [...largest.keys()];
  // Bands that leave or reach the same account stand beside each other.
  const spread = (list, band, room) => ((list.indexOf(band) + 1) / (list.length + 1) - 0.5) * room;
  const lines = rows.map((band) => {
    const [from, to] = [at.get(band.source), at.get(band.destination)];
    const beside = rows.filter(({ source }) => source === band.source);
    const towards = rows.filter(({ destination }) => destination === band.destination);
    const out = spread(beside, band, upright ? node : NODE.height);
    const into = spread(towards, band, upright ? node : NODE.height);
    let [x1, y1, x2, y2] = upright
      ? [from.x + node / 2 + out, from.y + NODE.height, to.x + node / 2 + into, to.y]
      : [from.x + node, from.y + NODE.height / 2 + out, to.x, to.y + NODE.height / 2 + into];
    const back = upright ? y2 < y1 : x2 < x1;
    const bend = back ? (upright ? 60 : 44) : (upright ? y2 - y1 : x2 - x1) / 2;
    const path = upright
      ? `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`
      : `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
    const most = largest.get(band.asset);
    const wide = most ? 2.5 + (11 * Number((band.amount * 1000n) / most)) / 1000 : 2.5;
    // A label stands nearer to the end where bands are further apart.
    const part = upright ? 0.5 : 0.5 + 0.14 * Math.sign(beside.length - towards.length);
    const mix = part * part * (3 - 2 * part);
    return {
      band: draw('path', { class: `flow-band c${assets.indexOf(band.asset) % 5}`, d: path, 'stroke-width': wide.toFixed(1) }),
      label: draw('text', {
        class: 'flow-label', 'text-anchor': 'middle',
        x: (x1 + (x2 - x1) * (upright ? mix : part)).toFixed(1), y: (y1 + (y2 - y1) * (upright ? part : mix) + 4).toFixed(1),
      }, shortText(band.amount, band.asset)),
    };
  });
  return draw('svg', { width: Math.round(total), height: Math.round(height), role: 'img', 'aria-label': spoken(rows) },
    lines.map(({ band }) => band),
    [...at].map(([account, { x, y }]) => draw('g', { class: 'flow-node' },
      draw('title', {}, account),
      draw('rect', { x: x.toFixed(1), y: y.toFixed(1), width: node.toFixed(1), height: NODE.height, rx: 7 }),
      draw('text', { x: (x + node / 2).toFixed(1), y: y + 19.5, 'text-anchor': 'middle' }, cut(account, node)))),
    lines.map(({ label }) => label));
}

/** An amount for a label; the table has all of its decimals. */
const shortText = (value, asset) => amountText(value, asset).replace(/(\.\d\d)\d+/, '$1…');

const spoken = (rows) =>
  rows.slice(0, 12).map((row) => `${row.source} pays ${row.destination} ${amountText(row.amount, row.asset)}`).join('; ')
  + (rows.length > 12 ? `; and ${rows.length - 12} more` : '');

/** The picture of postings with their table; `link` gives the address of an account's page. */
export function flow(postings, { link, caption = 'Postings', most = 24 } = {}) {
  if (!postings.length) return make('p', { class: 'empty' }, 'There are no postings.');
  const account = (address) => link ? make('a', { href: link(address), class: 'address' }, address)
    : make('span', { class: 'address' }, address);
  const rows = bands(postings);
  const place = make('div', { class: 'picture', tabindex: 0, role: 'group', 'aria-label': 'Who paid whom' });
  if (rows.length <= most) {
    let known = 0;
    new ResizeObserver(([{ contentRect: { width } }]) => {
      if (width > 40 && Math.abs(width - known) > 2) place.replaceChildren(picture(rows, (known = width)));
    }).observe(place);
  } else place.append(make('p', { class: 'empty' }, `${rows.length} flows are too many for a picture; the table has them.`));
  const cells = postings.map(({ source, destination, amount: value, asset, color }) =>
    [account(source), account(destination), amount(value, color ? `${asset} ${color}` : asset)]);
  return make('div', { class: postings.length > 8 ? 'flow long' : 'flow' }, place,
    table(caption, [['From'], ['To'], ['Amount', 'number']], cells, 'plain'));
}
