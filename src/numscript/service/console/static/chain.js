// The log's chain of hashes, checked in the browser: the server's word is not taken for it. The
// encoding is that of docs/ledger.md: a line's hash is the sha256 of the 32 bytes of the hash before
// it, followed by the line without its hash.
import { readJson } from './amounts.js';
import { name, send } from './api.js';

export const canCheck = () => globalThis.crypto?.subtle !== undefined;
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The lines of an answer, as they come. */
async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const found = (rest + (value ?? '')).split('\n');
    rest = done ? '' : found.pop();
    yield* found.filter((line) => line);
    if (done) return;
  }
}

/** The hash that a line should have behind another one, and the one that it has. */
export async function check(line, before) {
  const { hash, id } = readJson(line);
  const part = `"hash":"${hash}",`;
  // A text inside the line cannot hold this with plain quotes, and the line's own is the last.
  const at = line.lastIndexOf(part);
  const text = new TextEncoder().encode(line.slice(0, at) + line.slice(at + part.length));
  const whole = new Uint8Array(before.length + text.length);
  whole.set(before);
  whole.set(text, before.length);
  const should = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
  return { id, should, fits: at > 0 && hex(should) === hash };
}

/** Check all of a ledger's log; `progress` is told how many lines were checked. */
export async function checkAll(ledger, progress, signal) {
  const answer = await send('POST', `v2/${name(ledger)}/logs/export`);
  let before = new Uint8Array(32);
  let count = 0;
  for await (const line of lines(answer)) {
    if (signal.aborted) break;
    const { id, should, fits } = await check(line, before);
    if (!fits || BigInt(id) !== BigInt(count + 1)) return { count, broken: id };
    before = should;
    if (++count % 500 === 0) progress(count);
  }
  return { count, last: hex(before) };
}
