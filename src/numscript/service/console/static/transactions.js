// The transactions of a ledger, and one of them.
import { get, name, post } from './api.js';
import { amount } from './amounts.js';
import { confirm, make, say, table, when } from './dom.js';
import { flow } from './flow.js';
import { accountLink, filter, metadataPanel, nothingFits, pages, transactionLink } from './listing.js';

/** A transaction's postings in few words. */
function summary(ledger, postings) {
  const link = accountLink(ledger);
  const shown = postings.slice(0, 3).map(({ source, destination, amount: value, asset, color }) => make('div', {},
    amount(value, color ? `${asset} ${color}` : asset), ' ', make('a', { class: 'address', href: link(source) }, source), ' → ',
    make('a', { class: 'address', href: link(destination) }, destination)));
  return postings.length > 3 ? [...shown, make('div', { class: 'soft small' }, `and ${postings.length - 3} more`)] : shown;
}

export function transactionTable(ledger, rows) {
  if (!rows.length) return make('p', { class: 'empty' }, 'There are no transactions.');
  return table('The last first', [['Id'], ['When', 'when'], ['Postings', 'wide'], ['Reference', 'wide']], rows.map((row) => [
    make('a', { href: transactionLink(ledger, row.id), 'aria-label': `Transaction ${row.id}` }, `#${row.id}`),
    when(row.timestamp),
    summary(ledger, row.postings),
    [row.reference ? make('code', {}, row.reference) : null, row.reverted ? [' ', make('span', { class: 'badge bad' }, 'reverted')] : null],
  ]));
}

export async function showTransactions({ parts: [ledger], query }) {
  const account = query.get('account') ?? '';
  const cursor = query.get('cursor');
  const path = `/l/${name(ledger)}/transactions`;
  const { cursor: page } = await get(`v2/${name(ledger)}/transactions`, cursor ? { cursor } : {
    pageSize: '15', query: account && JSON.stringify({ $match: { account } }),
  });
  const postings = page.data.flatMap((row) => row.postings);
  const use = (text) => {
    const id = /^#?(\d+)$/.exec(text)?.[1];
    location.hash = id ? transactionLink(ledger, id) : `#${path}${text ? `?account=${encodeURIComponent(text)}` : ''}`;
  };
  return {
    nodes: [
      make('div', { class: 'title' }, make('h1', {}, `Transactions of ${ledger}`)),
      make('section', { class: 'panel' }, filter('Account, or id', account, 'users:001, or users: for all below, or #17', use), make('br'),
        account && !page.data.length ? make('p', { class: 'empty' }, nothingFits('transaction', account, use, ', or the id of a transaction, `#17`'))
          : transactionTable(ledger, page.data), pages(path, page, { account })),
      postings.length ? make('section', { class: 'panel' }, make('h2', {}, `Who paid whom in ${page.data.length === 1 ? 'this one' : `these ${page.data.length}`}`),
        flow(postings, { link: accountLink(ledger), caption: 'Postings of all transactions on this page' })) : null,
    ],
  };
}

export async function showTransaction({ parts: [ledger, id], again }) {
  const path = `v2/${name(ledger)}/transactions/${id}`;
  const { data: row } = await get(path, { expand: 'volumes' });
  const said = make('p', { class: 'error', role: 'alert', hidden: true });
  const revert = async () => {
    const sure = await confirm(`Revert transaction ${id}`,
      'Another transaction will pay everything back. Neither of the two can be deleted afterwards.', 'Revert');
    if (!sure) return;
    try {
      const { data } = await post(`${path}/revert`, {});
      say(`reverted by transaction ${data.id}`);
      location.hash = transactionLink(ledger, data.id);
    } catch (problem) {
      said.hidden = false;
      said.textContent = problem.message;
    }
  };
  const facts = [
    ['Effective', when(row.timestamp)], row.insertedAt && ['Written', when(row.insertedAt)],
    row.reference && ['Reference', make('code', {}, row.reference)],
    row.revertedAt && ['Reverted', when(row.revertedAt)],
  ].filter(Boolean);
  const volumes = Object.entries(row.postCommitVolumes ?? {}).flatMap(([account, assets]) =>
    Object.entries(assets).map(([asset, { balance }]) => [
      make('a', { class: 'address', href: accountLink(ledger)(account) }, account),
      amount(row.preCommitVolumes[account][asset].balance, asset), amount(balance, asset)]));
  return {
    nodes: [
      make('div', { class: 'title' }, make('h1', {}, `Transaction ${id} of ${ledger}`),
        row.reverted ? make('span', { class: 'badge bad' }, 'reverted') : make('button', { class: 'danger', onclick: revert }, 'Revert …')),
      said,
      make('section', { class: 'panel' }, make('dl', {}, facts.map(([title, value]) => [make('dt', {}, title), make('dd', {}, value)]))),
      make('section', { class: 'panel' }, make('h2', {}, 'Who paid whom'), flow(row.postings, { link: accountLink(ledger) })),
      volumes.length ? make('section', { class: 'panel' }, make('h2', {}, 'Balances'),
        table('Before and after', [['Account'], ['Before', 'number'], ['After', 'number']], volumes, 'plain')) : null,
      metadataPanel(row.metadata, `${path}/metadata`, again),
    ],
  };
}

