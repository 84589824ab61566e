// The playground: a script, what it is run on, what it did, and each step on the way.
import { base, get, guarded, name, post, token } from './api.js';
import { amountText } from './amounts.js';
import { confirm, make, say, table } from './dom.js';
import { EXAMPLES } from './examples.js';
import { flow } from './flow.js';
import { accountLink, transactionLink } from './listing.js';
import { pack, unpack } from './share.js';
import { stepper } from './steps.js';

const DRAFT = 'numscript-draft';
const HINTS = {
  account: 'users:001', monetary: 'USD/2 100', number: '42', portion: '1/3 or 12.5%', asset: 'USD/2', string: 'any text',
};
const key = ({ account, asset, color }) => JSON.stringify([account, asset, color ?? '']);
const colored = ({ asset, color }) => (color ? `${asset} ${color}` : asset);

/** What a page starts with: the example of its link, the last draft, or the first example. */
async function opening(query) {
  if (query.get('x')) {
    try {
      return await unpack(query.get('x'));
    } catch {
      say('the link is damaged: this is an example instead');
    }
  }
  const draft = sessionStorage.getItem(DRAFT);
  return draft ? JSON.parse(draft) : EXAMPLES[1];
}

/** Why the language server would not come back: refused, absent, or given more than it takes. */
const FINAL = [4401, 4404, 1009];
const whole = (text) => /^-?\d+$/.test(text.trim());

/** An amount that is being typed, in decimals; nothing while it is none. */
const hint = (text, asset) => (whole(text) ? amountText(text.trim(), asset) : '');

export async function showPlayground({ query, ledger }) {
  const start = await opening(query);
  const given = {
    variables: { ...start.variables },
    balances: new Map((start.balances ?? []).map((row) => [key(row), String(row.amount)])),
    metadata: structuredClone(start.metadata ?? {}),
  };
  const [{ createEditor }, { cursor }] = await Promise.all([import('./editor.js'), get('v2', { pageSize: '100' })]);
  const ledgers = cursor.data.map((row) => row.name);
  let asked = { variables: [], balances: [], metadata: [], diagnostics: [] };
  let connected = false;

  // --- the parts of the page ---
  const place = make('div', { class: 'editor' });
  const server = make('span', { id: 'server', class: 'soft small' }, 'the language server is being asked …');
  const problems = make('ul', { id: 'problems', class: 'problems', 'aria-label': 'What is wrong with the script' });
  const inputs = make('div', { id: 'inputs' });
  const result = make('div', { id: 'result', class: 'panel', hidden: true, role: 'region', 'aria-label': 'What the run did', 'aria-live': 'polite' });
  const steps = make('div', { id: 'steps', class: 'panel', hidden: true, role: 'region', 'aria-label': 'The steps of the run' });
  const from = make('select', { id: 'from', onchange: () => change() },
    make('option', { value: '' }, 'balances given here'), ledgers.map((each) => make('option', { value: each }, `the ledger ${each}`)));
  const known = ledger.get();
  const target = make('select', { id: 'target' }, ledgers.map((each) => make('option', { value: each, selected: each === known }, each)));
  const examples = make('select', { id: 'examples', onchange: () => choose(EXAMPLES[Number(examples.value)]) },
    make('option', { value: '' }, 'choose …'), EXAMPLES.map(({ title }, at) => make('option', { value: at }, title)));

  const keys = [{ key: 'Mod-Enter', run: () => run() }, { key: 'Mod-Shift-Enter', run: () => commit() }];
  const editor = createEditor({
    parent: place, text: start.script, label: 'Script', keys, changed: () => change(),
    nonce: document.querySelector('meta[name="nonce"]').content,
  });

  // --- what is typed ---
  const texts = () => Object.fromEntries(asked.variables.map((row) => [row.name, (given.variables[row.name] ?? '').trim()]).filter(([, text]) => text));
  const example = () => ({
    script: editor.text, variables: Object.fromEntries(Object.entries(given.variables).filter(([, text]) => text.trim())),
    balances: [...given.balances].filter(([, text]) => text.trim()).map(([each, text]) => {
      const [account, asset, color] = JSON.parse(each);
      return { account, asset, color, amount: text.trim() };
    }),
    metadata: given.metadata,
  });
  const sheet = () => {
    const { balances, ...rest } = example();
    return { ...rest, balances: balances.filter((row) => whole(row.amount)), ledger: from.value || null };
  };

  let waiting = 0;
  function change() {
    sessionStorage.setItem(DRAFT, JSON.stringify(example()));
    // What a link holds is no longer what is here: after a reload the draft counts.
    if (location.hash.includes('?')) history.replaceState(null, '', '#/playground');
    setStale(true);
    clearTimeout(waiting);
    waiting = setTimeout(look, 200);
  }

  const outdated = make('p', { class: 'outdated', hidden: true }, 'Out of date: the script, or what it is given, has changed since. Run it again.');
  let ran = false;
  /** Say that a run was of what stood here before; what was committed is so for good. */
  function setStale(stale) {
    outdated.hidden = !(stale && ran);
    for (const each of [result, steps]) each.classList.toggle('stale', stale && ran);
  }

  let turn = 0;
  async function look() {
    const mine = ++turn;
    try {
      const found = await post('console/check', sheet());
      if (mine !== turn) return;
      asked = found;
    } catch (problem) {
      if (mine === turn) showProblems([{ severity: 'error', message: problem.message }]);
      return;
    }
    if (!connected) editor.diagnose(asked.diagnostics);
    showProblems(asked.diagnostics);
    showInputs();
  }

  function showProblems(found) {
    problems.replaceChildren(...found.map(({ severity, code, message, hint: advice, start: at, end }) => make('li', {},
      make('button', { class: severity === 'error' ? 'bad' : 'warn', onclick: () => { editor.focus(); if (at) editor.mark(at, end); } },
        at ? `${at.line}:${at.column} ` : '', make('b', {}, severity), code ? ` ${code}` : '', `: ${message}`,
        advice ? make('span', { class: 'soft' }, ` — ${advice}`) : null))));
  }

  // --- forms made from the script ---
  let shown = '';
  function showInputs() {
    const shape = JSON.stringify([asked.variables, asked.balances, asked.metadata, from.value]);
    if (shape === shown) return;
    shown = shape;
    // What is being typed in keeps its place: the form may be made anew because of it.
    const focused = document.activeElement?.closest('#inputs') ? document.activeElement.id : '';
    const field = (id, label, text, more, use, asset) => {
      const said = make('span', { id: `${id}-said`, class: 'small' });
      const input = make('input', { id, value: text, spellcheck: 'false', autocomplete: 'off', ...more, oninput: () => {
        use(input.value);
        tell();
        change();
      } });
      const tell = () => {
        if (!asset) return;
        const wrong = input.value.trim() !== '' && !whole(input.value);
        said.textContent = wrong ? `no whole number of the smallest unit: write 150 for ${amountText('150', asset())}` : hint(input.value, asset());
        said.classList.toggle('bad', wrong);
        for (const [name_, value] of [['aria-invalid', 'true'], ['aria-describedby', said.id]])
          if (wrong) input.setAttribute(name_, value);
          else input.removeAttribute(name_);
      };
      tell();
      return make('label', {}, label, input, said);
    };
    const variables = asked.variables.map(({ name: each, type, asset }) => field(`variable-${each}`, [make('span', {}, make('code', {}, `$${each}`), ` ${type}`)],
      given.variables[each] ?? '', { placeholder: type === 'monetary' && asset ? `${asset} 100` : HINTS[type] ?? '' },
      (text) => (given.variables[each] = text)));
    const balances = from.value ? [] : asked.balances.filter((row) => !row.asset.endsWith('/*')).map((row) => field(`balance-${key(row)}`,
      [make('span', {}, make('code', {}, row.account), ` ${colored(row)}`)], given.balances.get(key(row)) ?? '',
      { placeholder: '0', inputmode: 'numeric', title: 'a whole number of the smallest unit' },
      (text) => given.balances.set(key(row), text), () => colored(row)));
    const metadata = from.value ? [] : asked.metadata.map(({ account, key: each }) => field(`metadata-${account}-${each}`,
      [make('span', {}, make('code', {}, account), ` ${each}`)], given.metadata[account]?.[each] ?? '', {},
      (text) => ((given.metadata[account] ??= {})[each] = text)));
    const group = (title, fields, otherwise) => make('fieldset', {}, make('legend', {}, title),
      fields.length ? make('div', { class: 'fields' }, fields) : make('p', { class: 'empty small' }, otherwise));
    const read = from.value ? [make('p', { class: 'soft small' }, `Balances and metadata are those of ${from.value}.`)] : [
      group('Balances, in the smallest unit', balances, 'The script reads none.'),
      ...(metadata.length ? [group('Metadata', metadata, '')] : []),
    ];
    inputs.replaceChildren(group('Variables', variables, 'The script asks for none.'), ...read);
    if (focused) document.getElementById(focused)?.focus();
  }

  function choose(chosen) {
    if (!chosen) return;
    given.variables = { ...chosen.variables };
    given.balances = new Map(chosen.balances.map((row) => [key(row), row.amount]));
    given.metadata = structuredClone(chosen.metadata);
    from.value = '';
    shown = '';
    editor.text = chosen.script;
    result.hidden = steps.hidden = true;
    ran = false;
    setStale(false);
    examples.value = '';
    editor.focus();
  }

  // --- running ---
  let walk = null;
  async function run() {
    try {
      await look();
      const wrong = inputs.querySelector('[aria-invalid="true"]');
      if (wrong) {
        fail('A balance is no whole number of the smallest unit: see what it is given.');
        return wrong.focus();
      }
      const found = await post('console/run', sheet());
      showResult(found);
    } catch (problem) {
      fail(problem.message);
    }
  }

  function fail(message) {
    ran = true;
    setStale(false);
    steps.hidden = true;
    result.hidden = false;
    result.replaceChildren(outdated, make('h2', {}, 'It cannot be run'), make('p', { class: 'error' }, message));
  }

  function showResult(found) {
    showProblems(found.diagnostics);
    result.hidden = false;
    ran = true;
    setStale(false);
    const { postings, txMeta, accountsMeta, printed } = found.result ?? {};
    const error = found.diagnostics.find(({ severity }) => severity === 'error');
    const notes = [
      ...Object.entries(txMeta ?? {}).map(([each, value]) => ['the transaction', each, plain(value)]),
      ...Object.entries(accountsMeta ?? {}).flatMap(([account, rows]) => Object.entries(rows).map(([each, value]) => [account, each, plain(value)])),
    ];
    result.replaceChildren(outdated, ...(found.result ? [
      make('h2', {}, 'A run would do this; nothing is written'), flow(postings),
      notes.length ? table('Metadata it sets', [['Of'], ['Key'], ['Text']], notes, 'plain') : '',
      printed?.length ? make('pre', {}, printed.join('\n')) : '',
    ] : [make('h2', {}, 'The run fails'), make('p', { class: 'error' },
      error ? [error.start ? `${error.start.line}:${error.start.column} ` : '', `${error.code}: ${error.message}`, error.hint ? `\n${error.hint}` : ''].join('') : 'It did nothing.')]));
    steps.hidden = !found.steps.length;
    walk = found.steps.length ? stepper(steps, found, editor) : null;
  }

  async function commit() {
    if (!target.value) return say('create a ledger first');
    if (!(await confirm(`Commit to ${target.value}`, `The script is run on the books of ${target.value}, and what it does is written for good.`, 'Commit'))) return;
    try {
      const { data } = await post(`v2/${name(target.value)}/transactions`, {
        script: { plain: editor.text, vars: texts() }, metadata: {},
      }, { headers: { 'Idempotency-Key': Array.from(crypto.getRandomValues(new Uint32Array(4))).join('-') } });
      steps.hidden = true;
      result.hidden = false;
      ran = false;
      setStale(false);
      result.replaceChildren(make('h2', { class: 'good' }, 'Committed'),
        make('p', {}, 'It is ', make('a', { href: transactionLink(target.value, data.id) }, `transaction ${data.id} of ${target.value}`), '.'),
        flow(data.postings, { link: accountLink(target.value) }));
      say(`transaction ${data.id} is written`);
    } catch (problem) {
      fail(problem.message);
    }
  }

  async function share() {
    const hash = `#/playground?x=${await pack(example())}`;
    history.replaceState(null, '', hash);
    try {
      await navigator.clipboard.writeText(location.href);
      say('the link is in the clipboard');
    } catch {
      say('the link is in the address bar');
    }
  }

  // --- the language server ---
  let socket = null;
  let left = false;
  let patience = 1000;
  let pause = 0;
  function connect() {
    if (document.documentElement.dataset.lsp !== 'yes') {
      server.textContent = 'no completion or hover: the server has no numscript[lsp]';
      return;
    }
    const url = new URL('console/lsp', base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(url);
    socket.addEventListener('open', async () => {
      if (guarded) socket.send(token.get());
      try {
        await editor.connect(socket);
        connected = true;
        patience = 1000;
        server.textContent = 'language server: connected';
        look();
      } catch { /* it was closed, which tells why */ }
    });
    socket.addEventListener('close', ({ code, reason }) => {
      connected = false;
      if (left) return;
      server.textContent = `no language server${reason ? `: ${reason}` : ''}; the script is checked all the same`;
      look();
      if (FINAL.includes(code)) return;
      pause = setTimeout(connect, patience);
      patience = Math.min(patience * 2, 30_000);
    });
  }

  const pressed = (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const acts = { 'Ctrl+Enter': run, 'Ctrl+Shift+Enter': commit, 'Alt+,': () => walk?.move(-1), 'Alt+.': () => walk?.move(1) };
    const pressedKeys = [event.ctrlKey || event.metaKey ? 'Ctrl+' : '', event.altKey ? 'Alt+' : '', event.shiftKey ? 'Shift+' : '', event.key].join('');
    if (!acts[pressedKeys]) return;
    event.preventDefault();
    acts[pressedKeys]();
  };

  return {
    shown() {
      document.addEventListener('keydown', pressed);
      connect();
      look();
    },
    leave() {
      document.removeEventListener('keydown', pressed);
      left = true;
      clearTimeout(waiting);
      clearTimeout(pause);
      turn++;
      socket?.close();
      editor.destroy();
    },
    nodes: [
      make('div', { class: 'title' }, make('h1', {}, 'Playground'),
        make('div', { class: 'row' }, make('label', {}, 'Examples', examples), make('button', { onclick: share }, 'Copy a link'))),
      make('div', { class: 'play' },
        make('div', {},
          make('section', { class: 'panel', 'aria-label': 'The script' }, place,
            make('div', { class: 'under' }, server, make('span', { class: 'soft small' }, 'Ctrl Enter runs, ? lists all keys')), problems),
          result, steps),
        make('div', {},
          make('section', { class: 'panel', 'aria-label': 'Run' },
            make('div', { class: 'row' }, make('label', { class: 'grow' }, 'Run on', from),
              make('button', { id: 'run', class: 'main', onclick: run }, 'Run')),
            make('br'),
            make('div', { class: 'row' }, make('label', { class: 'grow' }, 'Commit to', target),
              make('button', { id: 'commit', disabled: !ledgers.length, onclick: commit }, 'Commit …')),
            ledgers.length ? null : make('p', { class: 'empty small' }, 'There is no ledger to commit to: ', make('a', { href: '#/' }, 'create one'), '.')),
          make('section', { class: 'panel', 'aria-label': 'What the script is given' }, inputs))),
    ],
  };
}

/** A value of metadata as text. */
function plain(value) {
  return typeof value === 'object' && value !== null ? value.value ?? JSON.stringify(value) : String(value);
}
