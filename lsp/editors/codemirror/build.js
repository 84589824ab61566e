// Makes dist/ from src/: the parsers from their grammars, then one module of all.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildParserFile } from '@lezer/generator';
import { build } from 'esbuild';

process.chdir(import.meta.dirname);
mkdirSync('dist', { recursive: true });

for (const name of ['numscript', 'account']) {
  const path = `src/${name}.grammar`;
  const { parser } = buildParserFile(readFileSync(path, 'utf-8'), {
    fileName: path,
    warn(message) {
      throw new Error(message);
    },
  });
  writeFileSync(`src/${name}.parser.js`, parser);
}
await build({
  entryPoints: ['src/index.js'],
  outfile: 'dist/index.js',
  bundle: true,
  format: 'esm',
  packages: 'external',
});
copyFileSync('src/index.d.ts', 'dist/index.d.ts');
