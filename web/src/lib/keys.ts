// SPDX-License-Identifier: AGPL-3.0-or-later
// Keys are made here and nowhere else. WebCrypto's X25519 exists only on HTTPS and loopback, so the
// curve comes from a library and the random bytes from the browser, which gives them everywhere.
import { x25519 } from '@noble/curves/ed25519';

export const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

/** RFC 7748 section 5, as `wg genkey` does it. */
export function clamp(key: Uint8Array): Uint8Array {
  key[0]! &= 248;
  key[31] = (key[31]! & 127) | 64;
  return key;
}
export const publicKey = (secret: Uint8Array) => x25519.getPublicKey(secret);

export function makeKeys(): { privateKey: string; publicKey: string; presharedKey: string } {
  const secret = clamp(crypto.getRandomValues(new Uint8Array(32)));
  const shared = crypto.getRandomValues(new Uint8Array(32));
  const keys = { privateKey: base64(secret), publicKey: base64(publicKey(secret)), presharedKey: base64(shared) };
  secret.fill(0);
  shared.fill(0);
  return keys;
}
