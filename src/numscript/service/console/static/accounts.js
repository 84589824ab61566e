// The accounts of a ledger, and one of them.
import { get, name } from './api.js';
import { amount } from './amounts.js';
import { make, table, when } from './dom.js';
import { accountLink, filter, metadataPanel, nothingFits, pages } from './listing.js';
import { transactionTable } from './transactions.js';

const list = (nodes) => nodes.flatMap((node, at) => (at ? [make('br'), node] : [node]));

export async function showAccounts({ parts: [ledger], query }) {
  const address = query.get('address') ?? '';
  const cursor = query.get('cursor');
  const asked = cursor ? { cursor } : {
    pageSize: '20', expand: 'volumes', query: address && JSON.stringify({ $match: { address } }),
  };
  const path = `/l/${name(ledger)}/accounts`;
  const { cursor: page } = await get(`v2/${name(ledger)}/accounts`, asked);
  const link = accountLink(ledger);
  const rows = page.data.map((row) => [
    make('a', { href: link(row.address), class: 'address' }, row.address),
    list(Object.entries(row.volumes ?? {}).map(([asset, { balance }]) => amount(balance, asset))),
    make('span', { class: 'small soft' }, Object.entries(row.metadata).map(([key, text]) => `${key}: ${text}`).join(' · ')),
  ]);
  const use = (text) => (location.hash = `#${path}${text ? `?address=${encodeURIComponent(text)}` : ''}`);
  return {
    nodes: [
      make('div', { class: 'title' }, make('h1', {}, `Accounts of ${ledger}`)),
      make('section', { class: 'panel' },
        filter('Address', address, 'users:001, or users: for all below, or users::main', use),
        make('br'),
        rows.length ? table('Balances by account', [['Account'], ['Balances', 'number'], ['Metadata', 'wide']], rows)
          : make('p', { class: 'empty' }, address ? nothingFits('account', address, use) : 'Nobody has an account yet: make a transaction in the playground.'),
        pages(path, page, { address })),
    ],
  };
}

export async function showAccount({ parts: [ledger, address], query, again }) {
  const path = `v2/${name(ledger)}/accounts/${name(address)}`;
  const cursor = query.get('cursor');
  const [{ data: account }, { cursor: page }] = await Promise.all([
    get(path, { expand: 'volumes' }),
    get(`v2/${name(ledger)}/transactions`, cursor ? { cursor } : {
      pageSize: '10', query: JSON.stringify({ $match: { account: address } }),
    }),
  ]);
  const volumes = Object.entries(account.volumes ?? {}).map(([asset, { input, output, balance }]) =>
    [asset, amount(balance, asset), amount(input, asset), amount(output, asset)]);
  return {
    nodes: [
      make('div', { class: 'title' }, make('h1', { class: 'address' }, address),
        make('p', { class: 'soft small' }, 'account of ', make('a', { href: `#/l/${name(ledger)}/accounts` }, ledger),
          account.firstUsage ? [', used since ', when(account.firstUsage)] : null)),
      make('section', { class: 'panel' }, make('h2', {}, 'Balances'),
        volumes.length ? table('By asset', [['Asset'], ['Balance', 'number'], ['Received', 'number'], ['Given', 'number']], volumes, 'plain')
          : make('p', { class: 'empty' }, 'It never received or gave anything.')),
      make('section', { class: 'panel' }, make('h2', {}, 'Transactions'),
        transactionTable(ledger, page.data), pages(`/l/${name(ledger)}/accounts/${name(address)}`, page)),
      metadataPanel(account.metadata, `${path}/metadata`, again),
    ],
  };
}
