const assert = require('node:assert/strict');
const test = require('node:test');
const { completed, debugAdapter, programPath, scriptRequest } = require('../dist/test/launch.js');
const { praise } = require('../dist/test/results.js');
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

test('cases that passed are counted', () => {
  const one = { it: 'pays', status: 'passed', text: 'a table' };
  assert.equal(praise({ ok: true, cases: [one] }), 'the case passed');
  assert.equal(praise({ ok: true, cases: [one, one] }), 'all 2 cases passed');
  assert.equal(praise({ ok: false, cases: [one, one] }), undefined);
  assert.equal(praise(null), undefined);
  assert.equal(praise({ other: 1 }), undefined);
});
