// SPDX-License-Identifier: AGPL-3.0-or-later
// The Console's API: types as it says them, one way to call it, and one table of words for its errors.

export type Ref = { id: string; name: string };
export type OperatorRef = { id: string; username: string | null };
export type NodeState = 'online' | 'degraded' | 'unreachable' | 'enrolling' | 'removing';
export type PersonKind = 'staff' | 'contractor' | 'partner' | 'service';
export type Access = 'issuing' | 'active' | 'expired' | 'revoke_pending' | 'revoked' | 'failed' | 'unmanaged';

export type Role = 'administrator' | 'operator' | 'auditor';
export type Session = {
  operator: { id: string; username: string; role: Role; mustChangePassword: boolean };
  csrfToken: string;
  expiresAt: string;
  confirmedUntil: string;
  capabilities: string[];
  console: { name: string; version: string; insecure: boolean };
};
export type Operator = {
  id: string; username: string; role: Role; mustChangePassword: boolean; createdAt: string; createdBy: OperatorRef | null;
  disabledAt: string | null; signedInAt: string | null; sessions: number; tokens: number; etag: number;
};
export type OpenSession = {
  id: string; operator: OperatorRef; createdAt: string; seenAt: string; expiresAt: string; source: string;
  userAgent: string; current: boolean;
};
export type Token = {
  id: string; name: string; operator: OperatorRef; role: Role; elevated: boolean; last4: string; createdAt: string;
  expiresAt: string; usedAt: string | null; usedFrom: string | null; revokedAt: string | null;
  state: 'active' | 'expired' | 'revoked';
};
export type WgNode = {
  id: string; name: string; address: string; transport: 'tls' | 'plain'; fingerprint: string | null;
  endpoint: string | null; effectiveEndpoint: string | null; state: NodeState; reason: string | null;
  reasonDetail: string | null; stateSince: string; checkedAt: string | null; seenAt: string | null;
  kind: 'native' | 'published' | null; version: string | null; outdated: boolean; interface: string | null;
  publicKey: string | null; listenPort: number | null; subnets: string[]; serverAddresses: string[];
  families: string[]; peersIssued: number | null; peersPossible: number | null; connected: number | null;
  unmanagedPeers: number | null; forwarding: 'ok' | 'off' | 'blocked' | null; forwardingRemedy: string | null;
  clockOffsetMs: number | null; startedAt: string | null; backend: string | null; addedAt: string;
  addedBy: OperatorRef; etag: number;
};
export type Person = {
  id: string; name: string; email: string | null; kind: PersonKind; organisation: string | null;
  peersActive: number; peersAll: number; peersPending: number; nodes: number; lastConnectedAt: string | null;
  nextExpiryAt: string | null; createdAt: string; createdBy: OperatorRef; etag: number;
};
export type Peer = {
  id: string; name: string; person: Ref & { kind: PersonKind }; node: Ref & { state: NodeState };
  publicKey: string; addresses: string[]; access: Access; pending: boolean;
  connection: 'connected' | 'not_connected' | 'never_used' | 'unknown'; lastHandshakeAt: string | null;
  receiveBytes: number | null; transmitBytes: number | null; endpoint: string | null; liveAsOf: string | null;
  issuedAt: string; issuedBy: OperatorRef; expiresAt: string | null; revokeRequestedAt: string | null;
  endedAt: string | null; confirmedAt: string | null; unmanagedSince: string | null; etag: number;
};
export type ClientConf = {
  addresses: string[]; serverPublicKey: string; endpoint: string; allowedIPs: string[]; dns: string[];
  persistentKeepalive: number;
};
export type CheckStep = { name: string; state: 'ok' | 'failed' | 'waiting' | 'skipped'; detail: string; code: string | null };
export type Check = {
  ok: boolean; address: string; transport: 'tls' | 'plain'; fingerprint: string | null;
  fingerprintHex: string | null; steps: CheckStep[];
  node: { name: string; version: string; kind: string; interface: string; peers: number; unmanaged: number } | null;
  existing: Ref | null;
};
export type Entry = {
  seq: number; at: string; actor: { kind: string; id: string | null; name: string | null }; auth: string; token: Ref | null;
  source: string | null; requestId: string | null; action: string; outcome: string;
  target: { kind: string; id: string | null; name: string | null } | null; node: Ref | null; person: Ref | null;
  peer: Ref | null; changes: { field: string; before: string | null; after: string | null }[];
  reason: string | null; count: number; leafHash: string;
};
export type Page<T> = {
  data: T[]; total?: number; totalAtLeast?: number; nextCursor: string | null; counts: Record<string, number>;
  fleet: { asOf: string; unreachable: { id: string; name: string; since: string }[] }; seq: number;
};

/** What the UI says about an error, by its code; {detail} is the Console's own sentence. */
const words: Record<string, string> = {
  login_failed: 'User name or password is wrong.',
  login_throttled: 'Too many attempts. Try again in a moment.',
  weak_password: 'Choose another password: at least 15 characters, and none that everybody tries. A few random words are easy to keep.',
  node_unreachable: 'The node does not answer.',
  node_unconfirmed: 'Not issued: the node did not confirm in time. What it may have made is being taken back.',
  node_api_key_rejected: 'The node does not accept this API key. Compare it with auth.api_key in its config.yaml.',
  node_fingerprint_changed: 'The server shows another key than the one that was compared. Nothing was sent.',
  node_exists: 'This node is already here.',
  no_available_ip: 'The node has no free address left.',
  key_in_use: 'Another peer has this key. Try again: a new key pair is made.',
  peer_quarantined: "The peer's address is not one of its node's subnets any more. Restore the subnet there, or issue anew.",
  inventory_mode: 'This node only looks. Set mode: manage in its config.yaml and restart it.',
  name_in_use: 'That is taken already.',
  changed: 'Somebody changed this meanwhile. It has been read again.',
  busy: 'The Console is busy. Try again.',
  standby: 'This Console stands by: another one works the database.',
  lease_lost: 'Another Console has taken over. Nothing was changed.',
  store_unavailable: 'The database does not answer. Nothing was changed.',
  outcome_unknown: 'Nobody knows yet whether this was done: the answer got lost. Look before you try again.',
  unreachable: 'The Console does not answer.',
  unauthorized: 'Your session has ended. Sign in again.',
  forbidden: 'Your role does not allow this. An administrator can change your role.',
  reauth_required: 'Nothing was done: this needs your password.',
  last_administrator: 'You are the only administrator. Make another one first.',
  own_account: 'This is your own account. Another administrator must do it.',
  role_too_high: 'That role may do more than yours.',
  operator_not_found: 'There is no such operator.',
  token_not_found: 'There is no such token.',
  session_not_found: 'That session has ended already.',
  idempotency_in_progress: 'The first try is still under way. Look again in a moment.',
  idempotency_answer_lost: 'It was done, but its answer was lost. The page has been read again.',
};

export class ApiError extends Error {
  constructor(public status: number, public code: string, public field: string | null, public detail: string, public requestId: string) {
    super(words[code] ?? detail);
  }
}

/* The app's part: whether somebody is signed in, and how to ask them for a password. `input` is when they last did something. */
export const auth = {
  csrf: '', input: Date.now(), active: () => false, onPasswordChange: () => {},
  ask: (_why: 'confirm' | 'expired'): Promise<boolean> => Promise.resolve(false),
};
for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, () => (auth.input = Date.now()), true);

const IDLE = 60_000;
/* randomUUID is for secure pages only. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

async function send<T>(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<T> {
  const h = { ...headers };
  const init: RequestInit = { method, headers: h, credentials: 'same-origin' };
  if (method !== 'GET') h['X-CSRF'] = auth.csrf;
  else if (Date.now() - auth.input > IDLE) h['X-Background'] = '1'; /* what the page does by itself keeps no session */
  if (body !== undefined) { h['Content-Type'] = 'application/json'; init.body = JSON.stringify(body); }
  let answer: Response;
  try { answer = await fetch('/api/v1' + path, init); }
  catch { throw new ApiError(0, 'unreachable', null, 'The Console does not answer.', ''); }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const p = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, p.code ?? 'error', p.field ?? null, p.detail ?? answer.statusText, p.requestId ?? '');
}

/* Another tab may have renewed the session: the cookie is good, and only what this page holds is old. */
async function renewed(): Promise<boolean> {
  try { auth.csrf = (await send<Session>('GET', '/session', undefined, {})).csrfToken; return true; }
  catch { return false; }
}

/* Whether to send once more what failed: after the password, with a new token, or because the answer was lost. */
async function mended(e: ApiError, method: string, tries: number): Promise<boolean> {
  if (e.code === 'reauth_required') return auth.ask('confirm');
  if (e.code === 'cross_site' && e.field === 'X-CSRF') return tries === 0 && renewed();
  if (e.code === 'unauthorized' && auth.active()) return (tries === 0 && (await renewed())) || auth.ask('expired');
  if (e.code === 'unreachable' && method !== 'GET' && tries === 0) { await new Promise((r) => setTimeout(r, 800)); return true; }
  return false;
}

/** Calls the API. A change carries a key of its own, so that sending it again never does it twice. */
export async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const all = method === 'GET' ? headers : { 'Idempotency-Key': newKey(), ...headers };
  for (let tries = 0; ; tries++) {
    try { return await send<T>(method, path, body, all); }
    catch (e) {
      if (!(e instanceof ApiError)) throw e;
      if (e.code === 'password_change_required') auth.onPasswordChange();
      if (tries > 2 || !(await mended(e, method, tries))) throw e;
    }
  }
}

/** The same for what gives or asks for a password: nothing is asked on its behalf. */
export const plain = <T>(method: string, path: string, body?: unknown) => send<T>(method, path, body, {});

export const get = <T>(path: string, query: Record<string, string | number | null | undefined> = {}) => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== null && v !== undefined && v !== '') q.set(k, String(v));
  const text = q.toString();
  return call<T>('GET', path + (text ? '?' + text : ''));
};
