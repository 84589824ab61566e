// Makes the console's editor: CodeMirror, its LSP client and Numscript in one file, with the
// licences of all that is in it beside it. With --check it says whether the files are up to date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

process.chdir(import.meta.dirname);
const folder = '../../../src/numscript/service/console/static';
const { metafile, outputFiles } = await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: ['src/editor.js'],
  bundle: true,
  format: 'esm',
  minify: true,
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '// Made by `npm run build` in lsp/editors/console. Licences: editor.licences.txt' },
  metafile: true,
  write: false,
});

/** The packages that files in the bundle are from, each with its licence. */
function licences(inputs) {
  const packages = new Map();
  for (const path of Object.keys(inputs)) {
    const at = path.lastIndexOf('node_modules/');
    if (at < 0) continue;
    const rest = path.slice(at + 'node_modules/'.length).split('/');
    const name = rest.slice(0, rest[0].startsWith('@') ? 2 : 1).join('/');
    packages.set(name, path.slice(0, at) + 'node_modules/' + name);
  }
  const found = [...packages].sort(([one], [other]) => (one < other ? -1 : 1));
  return found.map(([name, place]) => {
    const { version, license } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf-8'));
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].find((each) =>
      existsSync(join(place, each)),
    );
    if (!file) throw new Error(`${name} says no licence`);
    const text = readFileSync(join(place, file), 'utf-8').replaceAll('\r\n', '\n').trim();
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
}

const made = {
  'editor.js': outputFiles[0].text,
  'editor.licences.txt': licences(metafile.inputs).join(`\n${'-'.repeat(80)}\n\n`),
};
for (const [name, text] of Object.entries(made)) {
  const path = join(folder, name);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf-8') !== text) {
    console.error(`${relative('../../..', path)} is not what its sources give: npm run build`);
    process.exitCode = 1;
  }
}
