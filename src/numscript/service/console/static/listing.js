// What lists share: links, the way to the pages around one, metadata.
import { call, name } from './api.js';
import { confirm, make, say, table } from './dom.js';

export const accountLink = (ledger) => (address) => `#/l/${name(ledger)}/accounts/${name(address)}`;
export const transactionLink = (ledger, id) => `#/l/${name(ledger)}/transactions/${id}`;

/** Links to the pages before and behind the one of a cursor; `query` is what else is asked. */
export function pages(path, cursor, query = {}) {
  const link = (id, title, place) => {
    const asked = new URLSearchParams(Object.entries({ ...query, cursor: place }).filter(([, value]) => value));
    return place && make('a', { id, class: 'button', href: `#${path}?${asked}` }, title);
  };
  if (!cursor.previous && !cursor.next) return null;
  return make('nav', { class: 'pages', 'aria-label': 'Pages' },
    link('previous', '← Before', cursor.previous), link('next', 'Next →', cursor.next));
}

/** A filter: one field, and what happens with its text. */
export function filter(label, value, hint, use) {
  const input = make('input', { id: 'filter', type: 'search', value, placeholder: hint, autocomplete: 'off', spellcheck: 'false' });
  return make('form', { role: 'search', onsubmit: (event) => { event.preventDefault(); use(input.value.trim().replace(/^@/, '')); } },
    make('label', { class: 'grow' }, label, input), make('button', {}, 'Filter'),
    value ? make('button', { type: 'button', onclick: () => use('') }, 'All') : null);
}

/** What is said where nothing fits a filter: the forms it takes, and the way back. */
export function nothingFits(what, text, use, more = '') {
  const ways = `A filter takes a whole address, \`users:001\`, or one with parts left open: \`users:\` for all below it, \`users::main\` for any part in between${more}.`;
  const marked = ways.split('`').map((part, at) => (at % 2 ? make('code', {}, part) : part));
  return [`No ${what} fits `, make('code', {}, text), '. ', marked, ' ', make('button', { type: 'button', onclick: () => use('') }, 'Clear the filter')];
}

/** Metadata with what changes it; `path` is where they are in the API. */
export function metadataPanel(found, path, again) {
  const key = make('input', { name: 'key', required: true, spellcheck: 'false' });
  const value = make('input', { name: 'text', spellcheck: 'false' });
  const said = make('p', { class: 'error', role: 'alert', hidden: true });
  const attempt = async (work, done) => {
    try {
      await work();
      say(done);
      await again();
    } catch (problem) {
      said.hidden = false;
      said.textContent = problem.message;
    }
  };
  const set = (event) => {
    event.preventDefault();
    return attempt(() => call('POST', path, { body: { [key.value]: value.value } }), 'set');
  };
  const drop = async (each) => {
    if (await confirm('Delete metadata', `Delete the key “${each}”? The log keeps that it was there.`, 'Delete'))
      await attempt(() => call('DELETE', `${path}/${name(each)}`), 'deleted');
  };
  const rows = Object.entries(found).map(([each, text]) => [each, make('span', { class: 'address' }, text),
    make('button', { class: 'plain danger', 'aria-label': `Delete ${each}`, onclick: () => drop(each) }, 'Delete')]);
  return make('section', { class: 'panel' }, make('h2', {}, 'Metadata'),
    rows.length ? table('Keys and their texts', [['Key'], ['Text'], ['Change', 'number']], rows, 'plain') : make('p', { class: 'empty' }, 'There are none.'),
    make('form', { onsubmit: set }, make('label', { class: 'grow' }, 'Key', key), make('label', { class: 'grow' }, 'Text', value),
      make('button', { name: 'set' }, 'Set')), said);
}
