// The shell: which page an address shows, the token, the theme, the keys.
import { Refused, get, guarded, token } from './api.js';
import { ask, make, say } from './dom.js';
import { showAccount, showAccounts } from './accounts.js';
import { showLedgers } from './ledgers.js';
import { showLogs } from './logs.js';
import { showPlayground } from './playground.js';
import { showTransaction, showTransactions } from './transactions.js';

const ROUTES = [
  [/^\/$/, showLedgers, 'Ledgers', ''],
  [/^\/playground$/, showPlayground, 'Playground', 'playground'],
  [/^\/l\/([^/]+)\/accounts$/, showAccounts, 'Accounts', 'accounts'],
  [/^\/l\/([^/]+)\/accounts\/([^/]+)$/, showAccount, 'Account', 'accounts'],
  [/^\/l\/([^/]+)\/transactions$/, showTransactions, 'Transactions', 'transactions'],
  [/^\/l\/([^/]+)\/transactions\/(\d+)$/, showTransaction, 'Transaction', 'transactions'],
  [/^\/l\/([^/]+)\/logs$/, showLogs, 'Log', 'logs'],
];
const KEYS = [
  ['?', 'show these shortcuts'],
  ['g l', 'ledgers'], ['g a', 'accounts of the ledger'], ['g t', 'transactions'], ['g o', 'log'],
  ['g p', 'playground'],
  ['/', 'to the filter'], ['n', 'the next page'], ['b', 'the page before'],
  ['t', 'dark or light'],
  ['Ctrl Enter', 'playground: run'], ['Ctrl Shift Enter', 'playground: commit'],
  ['Alt , and Alt .', 'playground: a step back, a step on'],
  ['Esc, then Tab', 'leave the editor'],
];
const main = document.getElementById('main');
const themeButton = document.getElementById('theme');
let leave = null;
let turn = 0;

/** The ledger that is looked at: the last one, on pages that are about none. */
const ledger = {
  get: () => sessionStorage.getItem('numscript-ledger'),
  set: (text) => sessionStorage.setItem('numscript-ledger', text),
};

function address() {
  const [path, query] = (location.hash.slice(1) || '/').split('?');
  return { path, query: new URLSearchParams(query) };
}

function showPlaces(current) {
  const known = ledger.get();
  const link = (href, title, kind) =>
    make('a', { href, 'aria-current': kind === current ? 'page' : undefined }, title);
  const inside = known === null ? [] : [
    link(`#/l/${encodeURIComponent(known)}/accounts`, 'Accounts', 'accounts'),
    link(`#/l/${encodeURIComponent(known)}/transactions`, 'Transactions', 'transactions'),
    link(`#/l/${encodeURIComponent(known)}/logs`, 'Log', 'logs'),
  ];
  const places = document.getElementById('places');
  const held = places.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  places.replaceChildren(
    link('#/', known === null ? 'Ledgers' : `Ledgers (${known})`, ''), ...inside,
    link('#/playground', 'Playground', 'playground'));
  if (held) [...places.children].find((each) => each.getAttribute('href') === held)?.focus();
}

/** What finds a control again on a page that is made anew. */
const sign = (node) => ['id', 'name', 'aria-label'].map((name) => node.getAttribute(name) && `[${name}="${CSS.escape(node.getAttribute(name))}"]`).find(Boolean);

let first = true;
/** Show a page. Whoever was in the one before stays at the same control, or comes to its heading. */
function put(...nodes) {
  const active = document.activeElement;
  const known = main.contains(active) && active !== main ? sign(active) : null;
  main.replaceChildren(...nodes);
  if (!first && (active === document.body || !active.isConnected)) {
    const heading = main.querySelector('h1');
    heading.tabIndex = -1;
    ((known && main.querySelector(known)) || heading).focus({ preventScroll: true });
  }
  first = false;
}

async function show() {
  const mine = ++turn;
  const { path, query } = address();
  leave?.();
  leave = null;
  document.getElementById('leave').hidden = !(guarded && token.get());
  if (guarded && !token.get()) return showToken();
  const found = ROUTES.map(([pattern, ...rest]) => [pattern.exec(path), ...rest]).find(([match]) => match);
  if (!found) return put(make('h1', {}, 'There is no such page'), make('p', {}, make('a', { href: '#/' }, 'To the ledgers')));
  const [match, page, title, kind] = found;
  const parts = match.slice(1).map(decodeURIComponent);
  showPlaces(kind);
  document.title = [title, ...parts].join(' · ') + ' · Numscript ledger';
  main.setAttribute('aria-busy', 'true');
  try {
    const made = await page({ parts, query, again: show, ledger });
    if (mine !== turn) return made.leave?.();
    leave = made.leave ?? null;
    // Only a ledger that let itself be read is the one that keys and links lead to.
    if (parts.length) ledger.set(parts[0]);
    showPlaces(kind);
    put(...made.nodes.filter(Boolean));
    made.shown?.();
  } catch (problem) {
    if (mine !== turn) return;
    if (!(problem instanceof Refused)) console.error(problem);
    if (problem.status === 401) return showToken(problem.message);
    put(make('h1', {}, title), make('p', { class: 'error', role: 'alert' }, reason(problem)),
      make('div', { class: 'row' }, make('button', { onclick: show }, 'Try again'), make('a', { href: '#/' }, 'To the ledgers')));
  } finally {
    if (mine === turn) main.removeAttribute('aria-busy');
  }
}

/** Why a page cannot be shown; of a token that may not read, what it lacks. */
const reason = ({ status, message }) => (status !== 403 ? message
  : `${message}. The console reads before it writes: the token needs the scope ledger:read, which its operator adds to it.`);

/** Ask for a token, which is kept in this tab until it is closed. */
function showToken(problem) {
  token.forget();
  first = false;
  document.title = 'Token · Numscript ledger';
  const input = make('input', { type: 'password', autocomplete: 'off', required: true, name: 'token' });
  const said = make('p', { class: 'error', role: 'alert', hidden: !problem }, problem ?? '');
  const enter = async (event) => {
    event.preventDefault();
    token.set(input.value.trim());
    try {
      await get('v2', { pageSize: '1' });
      show();
    } catch (refusal) {
      token.forget();
      said.hidden = false;
      said.textContent = reason(refusal);
    }
  };
  main.replaceChildren(make('h1', {}, 'This server asks for a token'),
    make('div', { class: 'panel' }, make('form', { onsubmit: enter },
      make('label', { class: 'grow' }, 'Token', input), make('button', { class: 'main' }, 'Enter')),
    make('p', { class: 'soft small' }, 'It is kept in this tab only, and gone when the tab is closed. The operator makes one with ',
      make('code', {}, 'numscript serve --new-token NAME'), '.')), said);
  input.focus();
}

// --- theme ---

const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
};
function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  themeButton.textContent = dark() ? '☀' : '☾';
  themeButton.setAttribute('aria-label', dark() ? 'Use the light theme' : 'Use the dark theme');
}
function turnTheme() {
  const name = dark() ? 'light' : 'dark';
  localStorage.setItem('numscript-theme', name);
  setTheme(name);
}

// --- keys ---

function showKeys() {
  if (document.querySelector('dialog[open]')) return;
  ask('Keyboard shortcuts',
    make('dl', {}, KEYS.map(([keys, does]) => [make('dt', {}, keys.split(' ').flatMap((key) => [make('kbd', {}, key), ' '])), make('dd', {}, does)])),
    make('form', { method: 'dialog', class: 'row' }, make('button', { autofocus: true }, 'Close')));
}

const go = (kind) => {
  const known = ledger.get();
  if (known === null) say('choose a ledger first');
  else location.hash = `#/l/${encodeURIComponent(known)}/${kind}`;
};
const SECOND = {
  l: () => (location.hash = '#/'), a: () => go('accounts'), t: () => go('transactions'),
  o: () => go('logs'), p: () => (location.hash = '#/playground'),
};
const press = (selector) => document.querySelector(selector)?.click();
const FIRST = {
  '?': showKeys, t: turnTheme, n: () => press('#next'), b: () => press('#previous'),
  '/': () => document.querySelector('#filter')?.focus(),
};
let after = '';
document.addEventListener('keydown', (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest('input, textarea, select, [contenteditable], dialog')) return;
  const act = after === 'g' ? SECOND[key] : FIRST[key];
  after = !act && key === 'g' ? 'g' : '';
  if (act) {
    event.preventDefault();
    act();
  }
});

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById('keys').addEventListener('click', showKeys);
document.getElementById('leave').addEventListener('click', () => { token.forget(); show(); });
themeButton.addEventListener('click', turnTheme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTheme());
addEventListener('hashchange', () => show().then(() => window.scrollTo(0, 0)));
setTheme(localStorage.getItem('numscript-theme'));
showPlaces('');
show();
