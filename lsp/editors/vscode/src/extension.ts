import {
  commands,
  debug,
  DebugAdapterExecutable,
  ExtensionContext,
  FileType,
  LogOutputChannel,
  Uri,
  window,
  workspace,
  WorkspaceEdit,
} from 'vscode';
import {
  LanguageClient,
  LanguageClientOptions,
  RevealOutputChannelOn,
} from 'vscode-languageclient/node';
import { completed, debugAdapter, programPath, scriptRequest } from './launch';
import { praise } from './results';
import { counterpart, firstSpecs, isScript, specsOf } from './specs';

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
  register('numscript.testCurrentFile', testCurrentFile);
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

async function startClient(output: LogOutputChannel): Promise<void> {
  await client?.stop();
  client = undefined;
  try {
    const args = workspace.getConfiguration(SECTION).get<string[]>('arguments', ['lsp']);
    const options: LanguageClientOptions = {
      documentSelector: [{ language: 'numscript' }, { language: 'json', pattern: '**/*.specs.json' }],
      outputChannel: output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: {
        executeCommand: async (command, args, next) => {
          const answer: unknown = await next(command, args);
          const passed = praise(answer);
          if (passed) window.setStatusBarMessage(`$(beaker) ${passed}`, 5000);
          return answer;
        },
      },
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

async function explain(problem: string, output: LogOutputChannel): Promise<void> {
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

/** Run the cases of the file in the editor, as the lens above it does. */
async function testCurrentFile(): Promise<void> {
  const uri = currentFile();
  if (!uri || !client) return;
  const specs = uri.with({ path: specsOf(uri.path) });
  await commands.executeCommand('numscript.testFile', client.code2ProtocolConverter.asUri(specs));
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
