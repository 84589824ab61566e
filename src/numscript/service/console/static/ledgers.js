// The ledgers: choose one, or create one.
import { call, get, name } from './api.js';
import { count, make, say, when } from './dom.js';
import { pages } from './listing.js';

export async function showLedgers({ query }) {
  const { cursor } = await get('v2', { pageSize: '30', cursor: query.get('cursor') });
  const cards = await Promise.all(cursor.data.map(async (row) => {
    const { data } = await get(`v2/${name(row.name)}/stats`);
    return make('li', { class: 'panel' },
      make('a', { class: 'ledger', href: `#/l/${name(row.name)}/accounts` }, row.name),
      make('div', { class: 'soft small' }, `${count(data.accounts, 'account')} · `,
        make('a', { href: `#/l/${name(row.name)}/transactions` }, count(data.transactions, 'transaction'))),
      make('div', { class: 'soft small' }, 'since ', when(row.addedAt)));
  }));
  const input = make('input', { id: 'filter', required: true, pattern: '[0-9A-Za-z_\\-]{1,63}', placeholder: 'for example main',
    title: '1 to 63 letters, digits, _ and -', spellcheck: 'false', autocomplete: 'off' });
  const said = make('p', { class: 'error', role: 'alert', hidden: true });
  const create = async (event) => {
    event.preventDefault();
    try {
      await call('POST', `v2/${name(input.value)}`, { body: {} });
      say(`${input.value} is created`);
      location.hash = `#/l/${name(input.value)}/accounts`;
    } catch (problem) {
      said.hidden = false;
      said.textContent = problem.message;
    }
  };
  return {
    nodes: [
      make('h1', {}, 'Ledgers'),
      cards.length ? make('ul', { class: 'ledgers' }, cards) : make('p', { class: 'panel' }, 'There is no ledger yet. Create one below, or play with a script in the ', make('a', { href: '#/playground' }, 'playground'), '.'),
      pages('/', cursor),
      make('section', { class: 'panel' }, make('h2', {}, 'Create a ledger'),
        make('form', { onsubmit: create }, make('label', { class: 'grow' }, 'Name', input), make('button', { class: 'main' }, 'Create')), said),
    ],
  };
}
