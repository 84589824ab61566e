import assert from 'node:assert/strict';
import test from 'node:test';
import { CompletionContext } from '@codemirror/autocomplete';
import { ensureSyntaxTree, foldable, getIndentation, indentString } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { numscript, parser } from '../dist/index.js';

const script = `vars {
  monetary $price
}

send $price (
  source = {
    @users:ana
    max [EUR/2 10] from @cards:ana
  }
  destination = {
    1/3 to @shop
    remaining kept
  }
)
/* over
two lines */
`;

/** A state with the whole tree, which a slow machine works out only when it is waited for. */
function stateOf(doc) {
  const state = EditorState.create({ doc, extensions: [numscript()] });
  assert.ok(ensureSyntaxTree(state, doc.length, 60_000));
  return state.update({}).state;
}

async function complete(text, explicit = false) {
  const state = stateOf(text);
  const context = new CompletionContext(state, text.length, explicit);
  const [source] = state.languageDataAt('autocomplete', text.length);
  return source(context);
}

test('every line is indented as the brackets around it say', () => {
  const state = stateOf(script);
  for (let number = 1; number <= 14; number += 1) {
    const line = state.doc.line(number);
    if (!line.text) continue;
    const wanted = line.text.match(/^ */)[0];
    assert.equal(indentString(state, getIndentation(state, line.from)), wanted, line.text);
  }
});

test('blocks, statements and comments fold', () => {
  const state = stateOf(script);
  const folded = (number) => {
    const { from, to } = state.doc.line(number);
    const range = foldable(state, from, to);
    return range && state.sliceDoc(range.from, range.to);
  };
  assert.equal(folded(1), '\n  monetary $price\n');
  assert.match(folded(5), /^\n {2}source = [^]*\}\n$/);
  assert.equal(folded(6), '\n    @users:ana\n    max [EUR/2 10] from @cards:ana\n  ');
  assert.equal(folded(15), ' over\ntwo lines ');
  assert.equal(folded(7), null);
});

test('the tree survives what is being typed', () => {
  const tree = parser.parse('send [USD/2 1] ( source = @a destination = )\nsave [USD/2 1] from @b');
  const names = [];
  tree.iterate({ enter: (node) => names.push(node.name) });
  assert.ok(names.includes('SaveStatement'));
  assert.ok(names.includes('SourceAccount'));
});

test('comments and brackets are those of the language', () => {
  const state = stateOf(script);
  assert.deepEqual(state.languageDataAt('commentTokens', 0), [
    { line: '//', block: { open: '/*', close: '*/' } },
  ]);
});

test('keywords, types and functions are completed', async () => {
  const { from, options } = await complete('sen');
  assert.equal(from, 0);
  const labels = options.map(({ label }) => label);
  for (const label of ['send', 'destination', 'monetary', 'set_tx_meta', 'overdraft']) {
    assert.ok(labels.includes(label), label);
  }
});

test('feature flags are completed where they stand, and nothing in other strings', async () => {
  const { from, options } = await complete('#![feature("exp');
  assert.equal(from, '#![feature("'.length);
  assert.ok(options.some(({ label }) => label === 'experimental-oneof'));
  assert.equal(await complete('set_tx_meta("sen'), null);
  assert.equal(await complete('// sen'), null);
});
