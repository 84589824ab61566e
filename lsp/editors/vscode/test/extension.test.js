// The extension against a stand-in of the editor, which cannot be had here: what it registers is
// what its manifest promises, and the server is started, restarted and stopped.
const assert = require('node:assert/strict');
const Module = require('node:module');
const test = require('node:test');
const manifest = require('../package.json');

const clients = [];
class LanguageClient {
  constructor(id, name, server, options) {
    Object.assign(this, { id, name, server, options, state: 'new' });
    this.code2ProtocolConverter = { asUri: (uri) => `file://${uri.path}` };
    clients.push(this);
  }
  async start() {
    if (this.server.command === 'missing') throw new Error('spawn missing ENOENT');
    this.state = 'started';
  }
  async stop() {
    this.state = 'stopped';
  }
}

function uriOf(path) {
  return { path, fsPath: path, with: (change) => uriOf(change.path) };
}

function standIn(settings = {}) {
  const seen = { commands: {}, executed: [], errors: [], shown: [], listeners: {} };
  const on = (name) => (listener) => {
    seen.listeners[name] = listener;
    return { dispose() {} };
  };
  const folder = { uri: uriOf('/shop') };
  const vscode = {
    DebugAdapterExecutable: class {
      constructor(command, args) {
        Object.assign(this, { command, args });
      }
    },
    FileType: { File: 1 },
    WorkspaceEdit: class {
      createFile(uri) {
        seen.created = uri.path;
      }
    },
    commands: {
      registerCommand: (name, action) => {
        seen.commands[name] = action;
        return { dispose() {} };
      },
      executeCommand: async (...call) => void seen.executed.push(call),
    },
    debug: {
      registerDebugConfigurationProvider: (type, provider) => void (seen.provider = provider),
      registerDebugAdapterDescriptorFactory: (type, factory) => void (seen.factory = factory),
      startDebugging: async (...call) => void (seen.debugged = call),
    },
    window: {
      activeTextEditor: { document: { uri: uriOf('/shop/sale.num'), languageId: 'numscript' } },
      createOutputChannel: () => ({ appendLine: (text) => seen.shown.push(text), show() {} }),
      onDidChangeActiveTextEditor: on('editor'),
      setStatusBarMessage: (text) => seen.shown.push(text),
      showErrorMessage: async (text) => void seen.errors.push(text),
      showTextDocument: async (uri) => void (seen.opened = uri.path),
    },
    workspace: {
      applyEdit: async () => true,
      createFileSystemWatcher: (pattern) => pattern,
      fs: { stat: async () => Promise.reject(new Error('not there')) },
      getConfiguration: () => ({ get: (name, otherwise) => settings[name] ?? otherwise }),
      getWorkspaceFolder: () => folder,
      onDidChangeConfiguration: on('configuration'),
      saveAll: async () => true,
      workspaceFolders: [folder],
    },
  };
  return { seen, vscode };
}

async function activated(settings) {
  const { seen, vscode } = standIn(settings);
  const load = Module._load;
  Module._load = (name, ...rest) => {
    if (name === 'vscode') return vscode;
    if (name === 'vscode-languageclient/node') {
      return { LanguageClient, RevealOutputChannelOn: { Never: 4 } };
    }
    return load(name, ...rest);
  };
  const path = require.resolve('../dist/test/extension.js');
  delete require.cache[path];
  const extension = require(path);
  Module._load = load;
  await extension.activate({ subscriptions: [] });
  return { seen, vscode, extension, client: clients.at(-1) };
}

test('every command of the manifest does something', async () => {
  const { seen } = await activated();
  const promised = manifest.contributes.commands.map(({ command }) => command);
  assert.deepEqual(Object.keys(seen.commands).sort(), promised.sort());
});

test('the server is the program of the settings', async () => {
  assert.deepEqual((await activated()).client.server, { command: 'numscript', args: ['lsp'] });
  const { client } = await activated({ path: '${workspaceFolder}/.venv/bin/numscript' });
  assert.equal(client.server.command, '/shop/.venv/bin/numscript');
  assert.equal(client.state, 'started');
});

test('a restart, and a change of the path, stop one server and start the next', async () => {
  const { seen, client } = await activated();
  await seen.commands['numscript.restartServer']();
  assert.deepEqual([client.state, clients.at(-1).state], ['stopped', 'started']);
  const second = clients.at(-1);
  await seen.listeners.configuration({ affectsConfiguration: (name) => name === 'numscript.path' });
  assert.deepEqual([second.state, clients.at(-1).state], ['stopped', 'started']);
  const third = clients.at(-1);
  await seen.listeners.configuration({ affectsConfiguration: () => false });
  assert.equal(clients.at(-1), third);
});

test('a server that does not start is explained, and the editor goes on', async () => {
  const { seen, extension } = await activated({ path: 'missing' });
  assert.match(seen.errors[0], /spawn missing ENOENT.*pip install 'numscript\[lsp\]'/);
  assert.equal(await extension.deactivate(), undefined);
});

test('testing a script runs the cases of its spec file', async () => {
  const { seen } = await activated();
  await seen.commands['numscript.testCurrentFile']();
  assert.deepEqual(seen.executed.at(-1), [
    'numscript.testFile',
    'file:///shop/sale.num.specs.json',
  ]);
});

test('cases that passed are told of, whichever lens ran them; of others the server tells', async () => {
  const { seen, client } = await activated();
  const run = (answer) =>
    client.options.middleware.executeCommand('numscript.runCase', [], async () => answer);
  const passed = { ok: true, cases: [{ it: 'pays', status: 'passed', text: '' }] };
  assert.equal(await run(passed), passed);
  assert.deepEqual(seen.shown, ['$(beaker) the case passed']);
  await run({ ok: false, cases: [{ it: 'pays', status: 'failed', text: 'why' }] });
  assert.equal(seen.shown.length, 1);
});

test('a spec file that is not there is begun', async () => {
  const { seen } = await activated();
  await seen.commands['numscript.openOther']();
  assert.equal(seen.created, '/shop/sale.num.specs.json');
  assert.equal(seen.opened, '/shop/sale.num.specs.json');
});

test('the script in the editor is debugged by the program of the settings', async () => {
  const { seen } = await activated({ path: '/opt/numscript' });
  await seen.commands['numscript.debugCurrentFile']();
  assert.equal(seen.debugged[1].program, '/shop/sale.num');
  const adapter = seen.factory.createDebugAdapterDescriptor({});
  assert.deepEqual([adapter.command, adapter.args], ['/opt/numscript', ['debug', '--dap']]);
});
