// The log of a ledger, and whether its chain of hashes is whole.
import { get, name } from './api.js';
import { amount } from './amounts.js';
import { canCheck, checkAll } from './chain.js';
import { make, table, when } from './dom.js';
import { pages, transactionLink } from './listing.js';

const WORDS = {
  NEW_TRANSACTION: 'transaction', REVERTED_TRANSACTION: 'revert', SET_METADATA: 'metadata set',
  DELETE_METADATA: 'metadata deleted',
};

/** A hash of the API, which is in base64, in the digits that exported logs have. */
const hex = (text) => Array.from(atob(text), (each) => each.charCodeAt(0).toString(16).padStart(2, '0')).join('');

function about(ledger, { type, data }) {
  const link = (id) => make('a', { href: transactionLink(ledger, id) }, `transaction ${id}`);
  const target = () => (data.targetType === 'TRANSACTION' ? link(data.targetId) : make('code', {}, data.targetId));
  switch (type) {
    case 'NEW_TRANSACTION': return [link(data.transaction.id), ...data.transaction.postings.slice(0, 2).map((row) =>
      [', ', amount(row.amount, row.color ? `${row.asset} ${row.color}` : row.asset), ` to ${row.destination}`]),
      data.transaction.postings.length > 2 ? ', …' : ''];
    case 'REVERTED_TRANSACTION': return [link(data.transaction.id), ' takes back ', link(data.revertedTransaction.id)];
    case 'SET_METADATA': return [target(), ': ', Object.entries(data.metadata).map(([key, text]) => `${key} = ${text}`).join(', ')];
    case 'DELETE_METADATA': return [target(), `: ${data.key}`];
    default: return [];
  }
}

export async function showLogs({ parts: [ledger], query }) {
  const cursor = query.get('cursor');
  const { cursor: page } = await get(`v2/${name(ledger)}/logs`, cursor ? { cursor } : { pageSize: '20' });
  const stop = new AbortController();
  const state = make('p', { id: 'chain', role: 'status', class: 'soft' });
  const start = async () => {
    if (!canCheck()) {
      state.textContent = 'Browsers check hashes on HTTPS and on localhost only; here use `numscript ledger verify`.';
      return;
    }
    state.className = 'soft';
    state.textContent = 'Checking the chain …';
    try {
      const found = await checkAll(ledger, (count) => (state.textContent = `Checking the chain: ${count} lines …`), stop.signal);
      state.className = found.broken ? 'bad' : 'good';
      state.replaceChildren(found.broken
        ? `✗ The chain is broken at line ${found.broken}: it, or one before it, is not what was written.`
        : `✓ The chain is whole: ${found.count} lines, checked in this browser.`);
      if (found.last && found.count) state.append(make('div', { class: 'hash' }, `last hash ${found.last}`));
    } catch (problem) {
      state.className = 'bad';
      state.textContent = problem.message;
    }
  };
  const rows = page.data.map((row) => [
    String(row.id), when(row.date), make('span', { class: 'badge' }, WORDS[row.type] ?? row.type),
    [about(ledger, row), make('div', { class: 'hash' }, hex(row.hash))],
  ]);
  return {
    leave: () => stop.abort(),
    shown: start,
    nodes: [
      make('div', { class: 'title' }, make('h1', {}, `Log of ${ledger}`), make('button', { onclick: start }, 'Check the chain again')),
      make('section', { class: 'panel' }, make('h2', {}, 'The chain of hashes'), state),
      make('section', { class: 'panel' },
        rows.length ? table('The last line first; each hash covers all lines before it', [['Line'], ['When', 'when'], ['What'], ['About', 'wide']], rows)
          : make('p', { class: 'empty' }, 'Nothing was written yet.'),
        pages(`/l/${name(ledger)}/logs`, page)),
    ],
  };
}
