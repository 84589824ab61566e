// Prints what the highlighter makes of every file that the list on standard input names, as JSON:
// [start, end, class] in UTF-16 code units; then, of each file, the nodes of its tree.
import { readFileSync } from 'node:fs';
import { highlightTree, tagHighlighter, tags } from '@lezer/highlight';
import { parser } from '../dist/index.js';

const highlighter = tagHighlighter([
  { tag: tags.comment, class: 'comment' },
  { tag: tags.keyword, class: 'keyword' },
  { tag: tags.typeName, class: 'type' },
  { tag: tags.function(tags.variableName), class: 'function' },
  { tag: tags.variableName, class: 'variable' },
  { tag: tags.labelName, class: 'account' },
  { tag: tags.className, class: 'asset' },
  { tag: tags.integer, class: 'number' },
  { tag: tags.float, class: 'portion' },
  { tag: tags.string, class: 'string' },
  { tag: tags.operator, class: 'operator' },
  { tag: tags.punctuation, class: 'punctuation' },
]);

const answer = readFileSync(0, 'utf-8')
  .split('\n')
  .filter(Boolean)
  .map((path) => {
    const tree = parser.parse(readFileSync(path, 'utf-8'));
    const runs = [];
    highlightTree(tree, highlighter, (from, to, name) => runs.push([from, to, name]));
    const nodes = [];
    tree.iterate({
      enter: ({ name, type, from, to }) => nodes.push([from, to, type.isError ? 'error' : name]),
    });
    return { runs, nodes };
  });
process.stdout.write(JSON.stringify(answer));
