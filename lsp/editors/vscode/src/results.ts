/** What the server answers when it has run cases. */
interface Answer {
  ok: boolean;
  cases: unknown[];
}

/** What is said of cases that passed; of those that failed the server itself tells. */
export function praise(answer: unknown): string | undefined {
  if (!isAnswer(answer) || !answer.ok) return undefined;
  const { length } = answer.cases;
  return length === 1 ? 'the case passed' : `all ${length} cases passed`;
}

function isAnswer(answer: unknown): answer is Answer {
  return typeof answer === 'object' && answer !== null && 'ok' in answer && 'cases' in answer;
}
