// Walking through a run: each step has what changed since the one before it.
import { amount } from './amounts.js';
import { make, table } from './dom.js';

const REASONS = { undone: 'too little here: it is undone', end: 'the end', failure: 'the run fails here' };
const colored = ({ asset, color }) => (color ? `${asset} ${color}` : asset);

/** What a run had done by each step. */
export function states(steps) {
  let state = { variables: {}, balances: new Map(), postings: [], funds: [] };
  return steps.map((step) => {
    const balances = new Map(state.balances);
    for (const row of step.balances ?? []) {
      const key = JSON.stringify([row.account, row.asset, row.color ?? '']);
      if (row.after === null) balances.delete(key);
      else balances.set(key, row);
    }
    state = {
      variables: step.variables ?? state.variables, balances, funds: step.funds,
      postings: [...state.postings.slice(0, step.postings.kept), ...step.postings.added],
    };
    return state;
  });
}

/** Fill a place with the steps of a run; gives what moves between them. */
export function stepper(place, { steps, cut }, editor) {
  const all = states(steps);
  const text = make('div', { class: 'step-text' });
  const inside = make('div');
  const count = make('span', { class: 'small soft number' });
  const range = make('input', { id: 'step', type: 'range', min: 1, max: steps.length, value: 1, 'aria-label': 'Step', oninput: () => show() });
  const move = (by) => {
    range.value = Number(range.value) + by;
    show();
  };
  function show() {
    const at = Number(range.value) - 1;
    const step = steps[at];
    const { variables, balances, funds, postings } = all[at];
    const title = REASONS[step.reason] ?? 'next:';
    count.textContent = `${at + 1} of ${steps.length}`;
    range.setAttribute('aria-valuetext', `step ${at + 1} of ${steps.length}, line ${step.start.line}: ${title} ${step.clause}`);
    text.replaceChildren(make('span', { class: step.reason === 'failure' ? 'bad' : 'soft' }, `${title} `),
      step.clause ? make('code', {}, step.clause) : '', step.reason === 'end' ? '' : make('span', { class: 'soft small' }, ` (line ${step.start.line})`));
    if (step.reason === 'end') editor.mark();
    else editor.mark(step.start, step.end);
    const news = new Map((step.balances ?? []).map((row) =>
      [JSON.stringify([row.account, row.asset, row.color ?? '']), row.before === null ? 'new' : 'changed']));
    const part = (title_, columns, rows) => rows.length ? table(title_, columns, rows, 'plain') : null;
    inside.replaceChildren(...[
      part('Taken and not yet given, the next first', [['From'], ['Funds', 'number']],
        funds.map((row) => [make('span', { class: 'address' }, row.account), amount(row.amount, colored(row))])),
      part('Balances in flight', [['Account'], ['Balance', 'number']], [...balances].map(([key, row]) => [
        make('span', { class: 'address' }, row.account, news.has(key) ? make('span', { class: 'badge' }, news.get(key)) : null), amount(row.after, colored(row))])),
      part('Postings so far', [['From'], ['To'], ['Amount', 'number']], postings.map((row) => [
        make('span', { class: 'address' }, row.source), make('span', { class: 'address' }, row.destination), amount(row.amount, colored(row))])),
      part('Variables', [['Name'], ['Value']], Object.entries(variables).map(([key, value]) => [make('code', {}, `$${key}`), String(value)])),
    ].filter(Boolean));
  }
  place.replaceChildren(make('h2', {}, 'Step by step'),
    make('div', { class: 'steps' },
      make('button', { 'aria-label': 'A step back', title: 'Alt ,', onclick: () => move(-1) }, '←'), range,
      make('div', { class: 'row' }, count, make('button', { 'aria-label': 'A step on', title: 'Alt .', onclick: () => move(1) }, '→'))),
    cut ? make('p', { class: 'soft small' }, 'The run is long: only its first steps and its end are shown.') : '',
    text, inside);
  show();
  editor.mark();
  return { move };
}
