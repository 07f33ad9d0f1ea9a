// SPDX-License-Identifier: AGPL-3.0-or-later
// The client's file (wg-quick(8)), and its name. The Console has checked what it is made of; it is
// checked again here, because a line break in it would be a line of configuration.
import type { ClientConf } from './api';

const clean = (text: string) => {
  if (/[\r\n]/.test(text)) throw new Error('a value with a line break');
  return text;
};

export function clientFile(client: ClientConf, privateKey: string, presharedKey: string): string {
  const dns = client.dns.length ? `DNS = ${client.dns.map(clean).join(', ')}\n` : '';
  return `[Interface]\nPrivateKey = ${clean(privateKey)}\nAddress = ${client.addresses.map(clean).join(', ')}\n${dns}\n` +
    `[Peer]\nPublicKey = ${clean(client.serverPublicKey)}\nPresharedKey = ${clean(presharedKey)}\n` +
    `Endpoint = ${clean(client.endpoint)}\nAllowedIPs = ${client.allowedIPs.map(clean).join(', ')}\n` +
    `PersistentKeepalive = ${client.persistentKeepalive}\n`;
}

/** wg-quick takes the interface's name from the file's: at most 15 characters. */
export function fileName(node: string, peer: string): string {
  const part = (text: string) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return (`${part(node)}-${part(peer)}`.slice(0, 15).replace(/-+$/, '') || 'wireguard') + '.conf';
}
