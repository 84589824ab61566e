// A picture of postings: who paid whom how much. Accounts stand in columns (in rows, where that
// leaves more room for their names), each after those that pay it; a band is as wide as its share of
// the asset. A band goes past accounts that are no part of it, never behind them.
import { amount, amountText, decimal, unit } from './amounts.js';
import { draw, make, table } from './dom.js';

const NODE = { height: 30, least: 92, most: 240, letter: 7.3 };
const GAP = { across: 84, down: 54 };
/** What a column gives: beside an account, to a band that passes, to one that returns. */
const SLOT = { across: 20, down: 10, way: 18, lane: 24 };
const BEND = 28;
/** What a longer label would hide of other bands is more than it says. */
const LONGEST = 200;
const PLACES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.9];

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
  const room = Math.max(4, Math.floor((width - 14) / NODE.letter));
  return text.length <= room ? text : `${text.slice(0, Math.ceil(room / 2) - 1)}…${text.slice(-Math.floor(room / 2))}`;
};

const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);

/** The accounts in columns with the ways of bands past them, and what each band comes by. */
function arrange(rows) {
  const columns = layers(rows).map((accounts, depth) =>
    accounts.map((account) => ({ account, depth, before: [], loops: 0 })));
  const known = new Map(columns.flat().map((item) => [item.account, item]));
  const trails = rows.map(({ source, destination }) => {
    const [from, to] = [known.get(source), known.get(destination)];
    const ways = [];
    for (let depth = from.depth + 1; depth < to.depth; depth++) ways.push({ depth, before: [] });
    const trail = [from, ...ways, to];
    for (const way of ways) columns[way.depth].push(way);
    if (from === to) from.loops += 1;
    else if (to.depth > from.depth) trail.slice(1).forEach((item, at) => item.before.push(trail[at]));
    return trail;
  });
  // Each stands about where those before it stand, so that few bands cross.
  for (const items of columns) {
    const place = new Map(items.map((item) => [item, item.before.length
      ? sum(item.before.map(({ share }) => share)) / item.before.length : 0.5]));
    items.sort((one, other) => place.get(one) - place.get(other));
    items.forEach((item, at) => (item.share = (at + 0.5) / items.length));
  }
  return { columns, trails };
}

/** Which way a picture goes, how long its boxes are and how large it is. */
function measure({ columns, trails }, width) {
  const deep = columns.length;
  const returns = trails.filter((trail) => trail.at(-1).depth < trail[0].depth).length;
  const margin = trails.some((trail) => trail.at(-1).depth <= trail[0].depth) ? BEND : 2;
  const longest = Math.max(...columns.flat().map(({ account }) => account?.length ?? 0));
  const wanted = Math.max(NODE.least, Math.min(NODE.most, longest * NODE.letter + 16));
  const extra = (items) => sum(items.map((item) => (item.account === undefined ? SLOT.way : item.loops * SLOT.lane)));
  const across = (width - 2 * margin - (deep - 1) * GAP.across) / deep;
  const down = Math.min(...columns.map((items) => {
    const accounts = items.filter(({ account }) => account !== undefined).length || 1;
    return (width - returns * SLOT.lane - extra(items)) / accounts - SLOT.down;
  }));
  const upright = across < wanted && down > across;
  const node = Math.max(NODE.least, Math.min(wanted, upright ? down : across));
  const base = upright ? node + SLOT.down : NODE.height + SLOT.across;
  const slot = (item) => (item.account === undefined ? SLOT.way : base + item.loops * SLOT.lane);
  const most = Math.max(...columns.map((items) => sum(items.map(slot))));
  const breadth = upright ? Math.max(width - returns * SLOT.lane, most) : most;
  const length = upright ? deep * NODE.height + (deep - 1) * GAP.down + 2 * margin
    : Math.max(width, deep * node + (deep - 1) * GAP.across + 2 * margin);
  return { upright, node, base, slot, margin, breadth, length, whole: breadth + returns * SLOT.lane };
}

/** The lines of bands, each a list of what a path is made of, along and across the way it goes. */
function lines({ trails }, { upright, node, breadth, along, base }) {
  const [long, wide] = upright ? [NODE.height, node] : [node, NODE.height];
  const returning = (trail) => trail.at(-1).depth <= trail[0].depth;
  // Bands that leave or reach the same account stand beside each other, as what they lead to does.
  const spread = (trail, end, next) => {
    const beside = trails.filter((each) => each.at(end) === trail.at(end));
    const far = (each) => (returning(each) ? Infinity : each.at(next).cross);
    beside.sort((one, other) => (far(one) < far(other) ? -1 : far(one) > far(other) ? 1 : 0));
    return ((beside.indexOf(trail) + 1) / (beside.length + 1) - 0.5) * wide;
  };
  const used = new Map();
  let lane = breadth - SLOT.lane / 2;
  return trails.map((trail) => {
    const [from, to] = [trail[0], trail.at(-1)];
    let at = [along(from.depth) + long, from.cross + spread(trail, 0, 1)];
    const end = [along(to.depth), to.cross + spread(trail, -1, -2)];
    if (returning(trail)) {
      const turn = used.get(from) ?? 0;
      if (from === to) used.set(from, turn + 1);
      const back = from === to ? from.cross + base / 2 + (turn + 0.3) * SLOT.lane : (lane += SLOT.lane);
      return ['M', at, 'C', [at[0] + BEND, at[1]], [at[0] + BEND, back], [at[0], back], 'L', [end[0], back],
        'C', [end[0] - BEND, back], [end[0] - BEND, end[1]], end];
    }
    const path = ['M', at];
    for (const item of trail.slice(1)) {
      const next = item === to ? end : [along(item.depth), item.cross];
      const middle = (at[0] + next[0]) / 2;
      path.push('C', [middle, at[1]], [middle, next[1]], next);
      if (item !== to) path.push('L', (at = [next[0] + long, item.cross]));
    }
    return path;
  });
}

const pen = document.createElement('canvas').getContext('2d');
const apart = (one, other) => one.x + one.width <= other.x || other.x + other.width <= one.x
  || one.y + one.height <= other.y || other.y + other.height <= one.y;

/** A label on a band where nothing stands yet; none where there is no room: the table has it. */
function label(band, text, taken, [width, height]) {
  pen.font = '600 12px system-ui, sans-serif';
  const long = pen.measureText(text).width + 6;
  if (long > LONGEST) return null;
  const length = band.getTotalLength();
  for (const part of PLACES) {
    const { x, y } = band.getPointAtLength(part * length);
    const box = { x: x - long / 2, y: y - 8, width: long, height: 16 };
    const inside = box.x >= 0 && box.y >= 0 && box.x + long <= width && box.y + 16 <= height;
    if (!inside || taken.some((other) => !apart(box, other))) continue;
    taken.push(box);
    return draw('text', { class: 'flow-label', 'text-anchor': 'middle', x: x.toFixed(1), y: (y + 4).toFixed(1) }, text);
  }
  return null;
}

function picture(rows, width) {
  const plan = arrange(rows);
  const size = measure(plan, width);
  const { upright, node, base, slot, margin, breadth, length, whole } = size;
  const deep = plan.columns.length;
  const step = deep > 1 ? (length - 2 * margin - (upright ? NODE.height : node)) / (deep - 1) : 0;
  size.along = (depth) => margin + depth * step;
  for (const items of plan.columns) {
    const free = (breadth - sum(items.map(slot))) / items.length;
    let start = free / 2;
    for (const item of items) {
      item.cross = start + (item.account === undefined ? SLOT.way : base) / 2;
      start += slot(item) + free;
    }
  }
  const boxes = plan.columns.flat().filter(({ account }) => account !== undefined).map(({ account, depth, cross }) => ({
    account, width: node, height: NODE.height,
    x: upright ? cross - node / 2 : size.along(depth), y: upright ? size.along(depth) : cross - NODE.height / 2,
  }));
  const point = ([main, cross]) => (upright ? [cross, main] : [main, cross]).map((each) => each.toFixed(1)).join();
  const largest = new Map();
  for (const { asset, amount: value } of rows) if (value > (largest.get(asset) ?? -1n)) largest.set(asset, value);
  const assets = [...largest.keys()];
  const extent = upright ? [whole, length] : [length, whole];
  const drawn = lines(plan, size).map((path, at) => {
    const band = rows[at];
    const most = largest.get(band.asset);
    const thick = most ? 2.5 + (11 * Number((band.amount * 1000n) / most)) / 1000 : 2.5;
    return draw('path', {
      class: `flow-band c${assets.indexOf(band.asset) % 5}`, 'stroke-width': thick.toFixed(1),
      d: path.map((each) => (typeof each === 'string' ? each : point(each))).join(' '),
    }, draw('title', {}, pays(band)));
  });
  const taken = [...boxes];
  const labels = drawn.map((band, at) => label(band, shortText(rows[at].amount, rows[at].asset), taken, extent));
  return draw('svg', { width: Math.ceil(extent[0]), height: Math.ceil(extent[1]), role: 'img', 'aria-label': spoken(rows) },
    drawn, labels, boxes.map(({ account, x, y }) => draw('g', { class: 'flow-node' },
      draw('title', {}, account),
      draw('rect', { x: x.toFixed(1), y: y.toFixed(1), width: node.toFixed(1), height: NODE.height, rx: 7 }),
      draw('text', { x: (x + node / 2).toFixed(1), y: (y + 19.5).toFixed(1), 'text-anchor': 'middle' }, cut(account, node)))));
}

/** An amount for a label: two decimals, or the first two that are not zeros; the table has all. */
function shortText(value, asset) {
  const text = decimal(value, asset);
  const most = text.length > 12 ? /^(?:\D?0\.[0\u202f]*[1-9]\u202f?\d?|.*\.\d\d)/.exec(text)?.[0] ?? text : text;
  return `${most}${most === text ? '' : '…'} ${unit(asset)}`;
}

const pays = (row) => `${row.source} pays ${row.destination} ${amountText(row.amount, row.asset)}`;

const spoken = (rows) =>
  rows.slice(0, 12).map(pays).join('; ')
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
