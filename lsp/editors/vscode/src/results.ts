/** What the server answers when it has run cases. */
interface Answer {
  ok: boolean;
  error?: string;
  cases: { it: string; status: string; text: string }[];
}

/** What came of running cases, in one line and at length. */
export interface Report {
  ok: boolean;
  summary: string;
  details: string;
}

/** What a person is told of an answer; undefined where it is no answer to running cases. */
export function report(answer: unknown): Report | undefined {
  if (!isAnswer(answer)) return undefined;
  const { ok, error, cases } = answer;
  if (error) return { ok, summary: `Nothing was run: ${error}`, details: error };
  const passed = cases.filter(({ status }) => status === 'passed').length;
  const noun = cases.length === 1 ? 'case' : 'cases';
  const summary = `${passed} of ${cases.length} ${noun} passed`;
  const details = cases.map(({ it, status, text }) => `${status}: ${it}\n${text}`.trimEnd());
  return { ok, summary, details: [summary, ...details].join('\n\n') };
}

function isAnswer(answer: unknown): answer is Answer {
  return typeof answer === 'object' && answer !== null && 'ok' in answer && 'cases' in answer;
}
