// SPDX-License-Identifier: AGPL-3.0-or-later
// News by server-sent events: each kind counts up, and a page that depends on it reads again.
import { auth, get } from './api';

export const live = $state({ node: 0, peer: 0, person: 0, operator: 0, token: 0, audit: 0, state: 'off' as 'off' | 'live' | 'lost' });
let source: EventSource | null = null;

export function connect() {
  disconnect();
  source = new EventSource('/api/v1/events');
  source.addEventListener('hello', () => { if (live.state === 'lost') all(); live.state = 'live'; });
  for (const kind of ['node', 'peer', 'person', 'operator', 'token', 'audit'] as const) source.addEventListener(kind, () => { live[kind]++; });
  source.addEventListener('reset', all);
  source.onerror = () => { live.state = 'lost'; if (source?.readyState === EventSource.CLOSED) setTimeout(again, 3000); };
}
/* A stream does not say why it ended. The session does: where it is over, its password is asked for. */
async function again() { if (!auth.active()) return; try { await get('/session'); connect(); } catch { setTimeout(again, 3000); } }
function all() { live.node++; live.peer++; live.person++; live.operator++; live.token++; live.audit++; }
export function disconnect() { source?.close(); source = null; live.state = 'off'; }
