import {
  commands,
  debug,
  DebugAdapterExecutable,
  ExtensionContext,
  FileType,
  Uri,
  window,
  workspace,
  WorkspaceEdit,
} from 'vscode';
import {
  ExecuteCommandRequest,
  LanguageClient,
  LanguageClientOptions,
  RevealOutputChannelOn,
} from 'vscode-languageclient/node';
import { completed, debugAdapter, programPath, scriptRequest } from './launch';
import { counterpart, firstSpecs, isScript } from './specs';

const SECTION = 'numscript';
let client: LanguageClient | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const output = window.createOutputChannel('Numscript', { log: true });
  const start = (): Promise<void> => startClient(output);
  const register = (command: string, action: () => unknown): void => {
    context.subscriptions.push(commands.registerCommand(command, action));
  };
  context.subscriptions.push(
    output,
    debug.registerDebugConfigurationProvider(SECTION, {
      resolveDebugConfiguration: (_folder, configuration) =>
        completed(configuration, window.activeTextEditor?.document.languageId),
    }),
    debug.registerDebugAdapterDescriptorFactory(SECTION, {
      createDebugAdapterDescriptor: (session) => {
        const { command, args } = debugAdapter(program(session.workspaceFolder?.uri));
        return new DebugAdapterExecutable(command, args);
      },
    }),
    workspace.onDidChangeConfiguration(async (change) => {
      const names = [`${SECTION}.path`, `${SECTION}.arguments`];
      if (names.some((name) => change.affectsConfiguration(name))) await start();
    }),
    window.onDidChangeActiveTextEditor(showWhatFits),
  );
  register('numscript.restartServer', start);
  register('numscript.testCurrentFile', () => testCurrentFile(output));
  register('numscript.openOther', openOther);
  register('numscript.debugCurrentFile', debugCurrentFile);
  await showWhatFits();
  await start();
}

export function deactivate(): Promise<void> | undefined {
  return client?.stop();
}

function program(near?: Uri): string {
  const folder = (near && workspace.getWorkspaceFolder(near)) ?? workspace.workspaceFolders?.[0];
  const setting = workspace.getConfiguration(SECTION).get<string>('path', '');
  return programPath(setting, folder?.uri.fsPath);
}

async function startClient(output: ReturnType<typeof window.createOutputChannel>): Promise<void> {
  await client?.stop();
  client = undefined;
  try {
    const args = workspace.getConfiguration(SECTION).get<string[]>('arguments', ['lsp']);
    const options: LanguageClientOptions = {
      documentSelector: [{ language: 'numscript' }, { language: 'json', pattern: '**/*.specs.json' }],
      outputChannel: output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      synchronize: {
        configurationSection: SECTION,
        fileEvents: workspace.createFileSystemWatcher('**/*.{num,num.specs.json}'),
      },
    };
    const started = new LanguageClient(SECTION, 'Numscript', { command: program(), args }, options);
    client = started;
    await started.start();
  } catch (error) {
    client = undefined;
    await explain(error instanceof Error ? error.message : String(error), output);
  }
}

async function explain(
  problem: string,
  output: ReturnType<typeof window.createOutputChannel>,
): Promise<void> {
  const message =
    `The Numscript language server does not start: ${problem}. ` +
    "Install it with `pip install 'numscript[lsp]'`, or name the program in numscript.path.";
  const choice = await window.showErrorMessage(message, 'Open Settings', 'Show Log');
  if (choice === 'Open Settings') {
    await commands.executeCommand('workbench.action.openSettings', 'numscript.path');
  } else if (choice === 'Show Log') {
    output.show();
  }
}

/** Tell the menus whether the editor shows a script or a spec file. */
async function showWhatFits(): Promise<void> {
  const path = window.activeTextEditor?.document.uri.path ?? '';
  const fits = counterpart(path) !== undefined;
  await commands.executeCommand('setContext', 'numscript.isScriptOrSpecs', fits);
}

function currentFile(): Uri | undefined {
  const uri = window.activeTextEditor?.document.uri;
  return uri && counterpart(uri.path) ? uri : undefined;
}

async function testCurrentFile(
  output: ReturnType<typeof window.createOutputChannel>,
): Promise<void> {
  const uri = currentFile();
  if (!uri || !client) return;
  await workspace.saveAll(false);
  const answer: unknown = await client.sendRequest(ExecuteCommandRequest.type, {
    command: 'numscript.testFile',
    arguments: [client.code2ProtocolConverter.asUri(uri)],
  });
  if (typeof answer === 'string') {
    output.appendLine(answer);
    output.show(true);
  }
}

/** Go from a script to its spec file, which is begun where there is none, or back. */
async function openOther(): Promise<void> {
  const uri = currentFile();
  const path = uri && counterpart(uri.path);
  if (!uri || !path) return;
  const other = uri.with({ path });
  if (!isScript(path) && !(await exists(other))) {
    const edit = new WorkspaceEdit();
    edit.createFile(other, { contents: new TextEncoder().encode(firstSpecs()) });
    await workspace.applyEdit(edit);
  }
  await window.showTextDocument(other);
}

async function exists(uri: Uri): Promise<boolean> {
  try {
    return (await workspace.fs.stat(uri)).type === FileType.File;
  } catch {
    return false;
  }
}

async function debugCurrentFile(): Promise<void> {
  const uri = window.activeTextEditor?.document.uri;
  if (!uri || !isScript(uri.path)) return;
  const folder = workspace.getWorkspaceFolder(uri);
  await debug.startDebugging(folder, scriptRequest(uri.fsPath));
}
