const SCRIPT = '.num';
const SPECS = '.specs.json';

/** Whether a path is that of a script. */
export function isScript(path: string): boolean {
  return path.endsWith(SCRIPT);
}

/** Whether a path is that of a spec file. */
export function isSpecs(path: string): boolean {
  return path.endsWith(SCRIPT + SPECS);
}

/** The script of a spec file, the spec file of a script; undefined for other files. */
export function counterpart(path: string): string | undefined {
  if (isScript(path)) return path + SPECS;
  if (isSpecs(path)) return path.slice(0, -SPECS.length);
  return undefined;
}

/** The spec file of a script; a spec file's own path. */
export function specsOf(path: string): string {
  return isScript(path) ? path + SPECS : path;
}

/** What is written into a spec file that is not there yet. */
export function firstSpecs(): string {
  const specs = {
    balances: [],
    variables: {},
    testCases: [{ it: 'does what it should', 'expect.postings': [] }],
  };
  return `${JSON.stringify(specs, null, 2)}\n`;
}
