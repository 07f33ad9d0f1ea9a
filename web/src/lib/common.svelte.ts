// SPDX-License-Identifier: AGPL-3.0-or-later
import { untrack } from 'svelte';
import type { Session } from './api';

export const app = $state({ session: null as Session | null, ready: false, issue: null as null | { nodeId?: string; personId?: string } });
/** Whether whoever is signed in may do this: a word of the Console's own table, never a role. */
export const can = (capability: string) => app.session?.capabilities.includes(capability) ?? false;
export const toast = $state({ text: '' });
let timer: ReturnType<typeof setTimeout>;
export function say(text: string) { toast.text = text; clearTimeout(timer); timer = setTimeout(() => (toast.text = ''), 4000); }

/** Keeps a page's data fresh: read now, and again when `again()` changes. Old data stays while reading. */
export function reader<T>(again: () => unknown, read: () => Promise<T>) {
  const r = $state({ data: null as T | null, error: null as Error | null, loading: true });
  let turn = 0;
  $effect(() => {
    again();
    const mine = ++turn;
    r.loading = true;
    const wait = setTimeout(() => read()
      .then((data) => { if (mine === turn) { r.data = data; r.error = null; } })
      .catch((error: Error) => { if (mine === turn) r.error = error; })
      .finally(() => { if (mine === turn) r.loading = false; }), untrack(() => r.data) ? 120 : 0); /* what was read is no reason to read again */
    return () => clearTimeout(wait);
  });
  return r;
}
