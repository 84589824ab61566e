import { homedir } from 'node:os';
import { join } from 'node:path';

/** A program with its arguments. */
export interface Launch {
  command: string;
  args: string[];
}

/** The place of the program `numscript` as the setting `numscript.path` has it. */
export function programPath(setting: string, workspaceFolder?: string, home = homedir()): string {
  const path = setting.trim() || 'numscript';
  if (path.startsWith('~/')) return join(home, path.slice(2));
  if (path.includes('${workspaceFolder}')) {
    if (!workspaceFolder) {
      throw new Error(`numscript.path is \`${path}\`, and no folder is open`);
    }
    return path.replaceAll('${workspaceFolder}', workspaceFolder);
  }
  return path;
}

/** What starts the debug adapter. */
export function debugAdapter(program: string): Launch {
  return { command: program, args: ['debug', '--dap'] };
}

/** A debug configuration as it is in `launch.json`, or empty where there is none. */
export interface DebugRequest {
  type: string;
  request: string;
  name: string;
  program?: string;
}

/** What is debugged when nothing was configured: the script in the editor. */
export function completed<Request extends DebugRequest>(
  request: Request,
  languageId?: string,
): Request | undefined {
  if (!request.type && !request.request && !request.name) {
    if (languageId !== 'numscript') return undefined;
    return { ...request, ...scriptRequest('${file}') };
  }
  return { ...request, program: request.program ?? '${file}' };
}

/** The request to debug one script. */
export function scriptRequest(program: string): Required<DebugRequest> & { stopOnEntry: boolean } {
  return {
    type: 'numscript',
    request: 'launch',
    name: 'Debug this script',
    program,
    stopOnEntry: true,
  };
}
