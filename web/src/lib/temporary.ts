// SPDX-License-Identifier: AGPL-3.0-or-later
// A password to hand over and to be changed: 80 random bits, without letters that look alike.
const letters = 'abcdefghijkmnpqrstuvwxyz23456789';
export function temporaryPassword(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const text = Array.from(bytes, (b) => letters[b & 31]).join('');
  return text.match(/.{4}/g)!.join('-');
}
