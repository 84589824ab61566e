// Prints what the TextMate grammar makes of every file that the list on standard input names, as
// JSON: [start, end, scope] in UTF-16 code units, the scope being the innermost of the language.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const oniguruma = require('vscode-oniguruma');
const { INITIAL, parseRawGrammar, Registry } = require('vscode-textmate');

const grammarPath = join(__dirname, '../syntaxes/numscript.tmLanguage.json');
const wasm = readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));

async function main() {
  await oniguruma.loadWASM(wasm);
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => parseRawGrammar(readFileSync(grammarPath, 'utf-8'), grammarPath),
  });
  const grammar = await registry.loadGrammar('source.numscript');
  const answer = readFileSync(0, 'utf-8').split('\n').filter(Boolean).map((path) => {
    const runs = [];
    let state = INITIAL;
    let offset = 0;
    for (const line of readFileSync(path, 'utf-8').split('\n')) {
      const { tokens, ruleStack } = grammar.tokenizeLine(line, state);
      for (const { startIndex, endIndex, scopes } of tokens) {
        if (scopes.length > 1) {
          runs.push([offset + startIndex, offset + Math.min(endIndex, line.length), scopes.slice(1).join(' ')]);
        }
      }
      state = ruleStack;
      offset += line.length + 1;
    }
    return runs;
  });
  process.stdout.write(JSON.stringify(answer));
}

main();
