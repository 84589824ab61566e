// Amounts: whole numbers of any size, never numbers of JavaScript, which lose digits.
import { make } from './dom.js';

/** JSON with numbers that JavaScript would round kept as text. */
export function readJson(text) {
  const exact = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (found) =>
    found[0] === '"' ? found : `"${found}"`);
  return JSON.parse(exact);
}

/** How many decimals an asset has: 2 for `USD/2`. */
export function precision(asset) {
  const found = /\/(\d{1,3})(?:$|\s)/.exec(asset);
  return found ? Number(found[1]) : 0;
}

/** The name of an asset without its precision: `USD`, or `USD RED` with a colour. */
export function unit(asset) {
  return asset.replace(/\/\d+/, '');
}

/**
 * An amount with the asset's decimals: 100 of `USD/2` is `1.00`. Digits are set apart by blanks, as
 * more than four decimals are; of more than two the zeros at the end are left out.
 */
export function decimal(amount, asset) {
  const number = BigInt(amount);
  const places = precision(asset);
  const digits = (number < 0n ? -number : number).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const decimals = digits.slice(digits.length - places);
  const kept = decimals.slice(0, 2) + decimals.slice(2).replace(/0+$/, '');
  const grouped = kept.length > 4 ? kept.replace(/(\d{3})(?=\d)/g, '$1\u202f') : kept;
  const rest = places ? `.${grouped}` : '';
  return `${number < 0n ? '\u2212' : ''}${whole}${rest}`;
}

/** An amount as text: `1.00 USD`. */
export const amountText = (amount, asset) => `${decimal(amount, asset)} ${unit(asset)}`;

/** An amount as an element, broken at its blanks only; its tooltip has the exact whole number. */
export function amount(value, asset) {
  return make('span', {
    class: BigInt(value) < 0n ? 'amount below' : 'amount', title: `${asset} ${BigInt(value)}`,
  }, decimal(value, asset).split('\u202f').flatMap((digits, at) => (at ? ['\u202f', make('wbr'), digits] : [digits])), ' ', make('span', { class: 'asset' }, unit(asset)));
}
