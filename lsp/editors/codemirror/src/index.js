import { ifNotIn, snippetCompletion } from '@codemirror/autocomplete';
import {
  LanguageSupport,
  LRLanguage,
  delimitedIndent,
  foldNodeProp,
  indentNodeProp,
} from '@codemirror/language';
import { parseMixed } from '@lezer/common';
import { parser as accountParser } from './account.parser.js';
import { parser as scriptParser } from './numscript.parser.js';
import { features, functions, keywords, types } from './words.js';

const blocks =
  'VarsDeclaration SourceInorder SourceAllotment SourceOneof ' +
  'DestinationInorder DestinationAllotment DestinationOneof';
const sends = 'SendStatement SendStatementReversed';

const accountParsers = {
  AccountLiteral: accountParser,
  AccountSegment: accountParser.configure({ top: 'AccountSegment' }),
};

/** The parser, without what CodeMirror adds to it. */
export const parser = scriptParser.configure({
  wrap: parseMixed((node, input) => {
    const inner = accountParsers[node.name];
    return inner && input.read(node.from, node.to).includes('$') ? { parser: inner } : null;
  }),
});

/** Numscript for CodeMirror: highlighting, folding, indentation, brackets and comments. */
export const numscriptLanguage = LRLanguage.define({
  name: 'numscript',
  parser: parser.configure({
    props: [
      indentNodeProp.add({
        [blocks]: delimitedIndent({ closing: '}', align: false }),
        [sends]: delimitedIndent({ closing: ')', align: false }),
        FnCall: delimitedIndent({ closing: ')', align: false }),
      }),
      foldNodeProp.add({
        [blocks]: (node) => between(node, '{', '}'),
        [sends]: (node) => between(node, '(', ')'),
        BlockComment: (node) => ({ from: node.from + 2, to: node.to - 2 }),
      }),
    ],
  }),
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['(', '[', '{', '"'] },
    indentOnInput: /^\s*[})\]]$/,
    wordChars: '_$@:',
  },
});

/** What stands between the brackets of a node, which may have a word in front of them. */
function between(node, opening, closing) {
  const open = node.getChild(opening);
  const close = node.getChild(closing);
  return open && close ? { from: open.to, to: close.from } : null;
}

/** What can be completed without knowing the script. */
export const completions = [
  ...Object.entries(keywords).map(([label, info]) => ({ label, type: 'keyword', info })),
  ...Object.entries(types).map(([label, info]) => ({ label, type: 'type', info })),
  ...Object.entries(functions).map(([name, { signature, parameters, doc }]) =>
    snippetCompletion(`${name}(${parameters.map((each) => `\${${each}}`).join(', ')})`, {
      label: name,
      type: 'function',
      detail: signature.slice(name.length),
      info: doc,
    }),
  ),
  snippetCompletion(
    'send ${[USD/2 100]} (\n  source = ${@world}\n  destination = ${@users:001}\n)',
    { label: 'send … ( source destination )', type: 'keyword', info: keywords.send },
  ),
];

const flags = Object.entries(features).map(([label, info]) => ({ label, type: 'constant', info }));

/** Completes the names of the language; inside the strings of `#![feature(...)]` its flags. */
export function completeNumscript(context) {
  const { state, pos } = context;
  const line = state.doc.lineAt(pos);
  const before = line.text.slice(0, pos - line.from);
  if (/^\s*#!\s*\[\s*feature\s*\([^)]*"[^"]*$/.test(before)) {
    const word = context.matchBefore(/[a-z-]*/);
    return { from: word.from, options: flags, validFor: /^[a-z-]*$/ };
  }
  const insideString = before.split('"').length % 2 === 0;
  return insideString ? null : completeNames(context);
}

const completeNames = ifNotIn(
  ['LineComment', 'BlockComment', 'StringLiteral', 'AccountLiteral', 'Variable'],
  (context) => {
    const word = context.matchBefore(/[a-z][a-z_]*/);
    if (!word && !context.explicit) return null;
    return { from: word?.from ?? context.pos, options: completions, validFor: /^[a-z_]*$/ };
  },
);

/** All of it: `extensions: [basicSetup, numscript()]`. */
export function numscript() {
  return new LanguageSupport(
    numscriptLanguage,
    numscriptLanguage.data.of({ autocomplete: completeNumscript }),
  );
}
