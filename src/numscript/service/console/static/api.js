// Calls of the API. The token, where one is needed, is kept for this tab only.
import { readJson } from './amounts.js';

const KEY = 'numscript-token';
export const base = new URL('..', document.baseURI.split('#')[0]);
export const guarded = document.documentElement.dataset.guarded === 'yes';

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the API advises that the console has no means for, and what fits here. */
const ADVICE = new Map([['fund the account, or force it where it may go below zero', 'fund the account first']]);

/** A refusal, in the API's own words where they fit; `code` and `status` are the API's. */
export class Refused extends Error {
  constructor(status, tree) {
    let text = tree?.errorMessage ?? `the server answered ${status}`;
    for (const [said, better] of ADVICE) text = text.replace(said, better);
    super(text);
    this.status = status;
    this.code = tree?.errorCode;
  }
}

export async function send(method, path, { query = {}, body, headers = {} } = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const text = token.get();
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: {
        ...(text ? { Authorization: `Bearer ${text}` } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, { errorMessage: 'the server cannot be reached; is it running?' });
  }
  if (!answer.ok) {
    let tree = null;
    try { tree = readJson(await answer.text()); } catch { /* no JSON: its status says enough */ }
    throw new Refused(answer.status, tree);
  }
  return answer;
}

export async function call(method, path, options) {
  const answer = await send(method, path, options);
  const text = await answer.text();
  return text ? readJson(text) : null;
}

export const get = (path, query) => call('GET', path, { query });
export const post = (path, body, options) => call('POST', path, { body, ...options });
export const name = encodeURIComponent;
