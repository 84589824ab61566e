const assert = require('node:assert/strict');
const test = require('node:test');
const { completed, debugAdapter, programPath, scriptRequest } = require('../dist/test/launch.js');
const { report } = require('../dist/test/results.js');
const { counterpart, firstSpecs, isScript, isSpecs, specsOf } = require('../dist/test/specs.js');

test('the program is found as the setting has it', () => {
  assert.equal(programPath('numscript'), 'numscript');
  assert.equal(programPath(' '), 'numscript');
  assert.equal(programPath('~/bin/numscript', undefined, '/home-of-ana'), '/home-of-ana/bin/numscript');
  assert.equal(programPath('${workspaceFolder}/.venv/bin/numscript', '/shop'), '/shop/.venv/bin/numscript');
});

test('a path in the folder needs a folder', () => {
  assert.throws(() => programPath('${workspaceFolder}/numscript'), /no folder is open/);
});

test('a script and its spec file lead to each other', () => {
  assert.equal(counterpart('/shop/sale.num'), '/shop/sale.num.specs.json');
  assert.equal(counterpart('/shop/sale.num.specs.json'), '/shop/sale.num');
  assert.equal(counterpart('/shop/sale.json'), undefined);
  assert.equal(specsOf('/shop/sale.num'), '/shop/sale.num.specs.json');
  assert.equal(specsOf('/shop/sale.num.specs.json'), '/shop/sale.num.specs.json');
  assert.ok(isScript('sale.num') && !isScript('sale.num.specs.json'));
  assert.ok(isSpecs('sale.num.specs.json') && !isSpecs('sale.specs.json'));
});

test('a first spec file is what the command line takes', () => {
  assert.deepEqual(Object.keys(JSON.parse(firstSpecs())), ['balances', 'variables', 'testCases']);
});

test('without a configuration the script in the editor is debugged', () => {
  const empty = { type: '', request: '', name: '' };
  assert.deepEqual(completed(empty, 'numscript'), scriptRequest('${file}'));
  assert.equal(completed(empty, 'python'), undefined);
});

test('a configuration keeps what it says', () => {
  const given = { type: 'numscript', request: 'launch', name: 'refund', program: '/shop/refund.num' };
  assert.deepEqual(completed(given, 'numscript'), given);
  const { program, ...without } = given;
  assert.deepEqual(completed(without), { ...without, program: '${file}' });
  assert.equal(program, '/shop/refund.num');
});

test('the debug adapter is a command of the program', () => {
  assert.deepEqual(debugAdapter('/shop/numscript'), { command: '/shop/numscript', args: ['debug', '--dap'] });
});

test('what came of cases is told in a line and at length', () => {
  const pays = { it: 'pays', status: 'passed', text: 'a table' };
  const fails = { it: 'fails', status: 'failed', text: 'a difference\n' };
  assert.equal(report({ ok: true, cases: [pays] }).summary, '1 of 1 case passed');
  const { ok, summary, details } = report({ ok: false, cases: [pays, fails] });
  assert.deepEqual([ok, summary], [false, '1 of 2 cases passed']);
  assert.match(details, /passed: pays\na table\n\nfailed: fails\na difference$/);
  assert.match(report({ ok: false, cases: [], error: 'no script' }).summary, /no script/);
  assert.equal(report(null), undefined);
  assert.equal(report({ other: 1 }), undefined);
});
