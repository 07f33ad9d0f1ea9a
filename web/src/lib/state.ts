// SPDX-License-Identifier: AGPL-3.0-or-later
// Every state: its shape, its word, its tone. The pages read these tables.
import type { Access, NodeState, Peer, PersonKind, Role, Token } from './api';
import type { State } from './ui/Glyph.svelte';

export type Look = { g: State; label: string; tone: 'ok' | 'warn' | 'danger' | 'info' | 'mute' };

export const nodeLook: Record<NodeState, Look> = {
  online: { g: 'ok', label: 'Online', tone: 'ok' },
  degraded: { g: 'warn', label: 'Degraded', tone: 'warn' },
  unreachable: { g: 'down', label: 'Unreachable', tone: 'danger' },
  enrolling: { g: 'pending', label: 'Enrolling', tone: 'info' },
  removing: { g: 'revoking', label: 'Removing', tone: 'warn' },
};
const accessLook: Record<Exclude<Access, 'active'>, Look> = {
  issuing: { g: 'pending', label: 'Issuing', tone: 'info' },
  expired: { g: 'expired', label: 'Expired', tone: 'mute' },
  revoke_pending: { g: 'revoking', label: 'Revoke pending', tone: 'warn' },
  revoked: { g: 'revoked', label: 'Revoked', tone: 'mute' },
  failed: { g: 'revoked', label: 'Not issued', tone: 'mute' },
  unmanaged: { g: 'paused', label: 'Unmanaged', tone: 'mute' },
};
const connectionLook: Record<Peer['connection'], Look> = {
  connected: { g: 'ok', label: 'Connected', tone: 'ok' },
  not_connected: { g: 'idle', label: 'Not connected', tone: 'mute' },
  never_used: { g: 'never', label: 'Never used', tone: 'mute' },
  unknown: { g: 'pending', label: 'Unknown', tone: 'mute' },
};
export const peerLook = (p: Peer): Look => (p.access === 'active' ? connectionLook[p.connection] : accessLook[p.access]);

export const kinds: Record<PersonKind, string> = { staff: 'Staff', contractor: 'Contractor', partner: 'Partner', service: 'Service' };

export const roles: Record<Role, { label: string; what: string }> = {
  administrator: { label: 'Administrator', what: 'Everything, nodes and operators included' },
  operator: { label: 'Operator', what: 'Issues and revokes peers, edits people' },
  auditor: { label: 'Auditor', what: 'Reads everything, changes nothing' },
};
export const tokenLook: Record<Token['state'], Look> = {
  active: { g: 'ok', label: 'Active', tone: 'ok' },
  expired: { g: 'expired', label: 'Expired', tone: 'mute' },
  revoked: { g: 'revoked', label: 'Revoked', tone: 'mute' },
};

export const actions: Record<string, string> = {
  'log.start': 'Started the log', 'operator.create': 'Created operator', 'operator.password': 'Changed password',
  'session.start': 'Signed in', 'session.end': 'Signed out', 'session.fail': 'Failed to sign in',
  'node.add': 'Added node', 'node.change': 'Changed node', 'node.remove': 'Removed node',
  'person.create': 'Added person', 'peer.issue': 'Issued peer', 'peer.change': 'Changed peer',
  'peer.expire': 'Peer expired', 'peer.revoke': 'Revoked peer',
  'operator.change': 'Changed operator', 'operator.disable': 'Disabled operator', 'operator.enable': 'Enabled operator',
  'operator.reset': 'Reset password', 'session.confirm': 'Confirmed with password', 'token.create': 'Made API token',
  'token.revoke': 'Revoked API token',
};
export const outcomes: Record<string, Look> = {
  ok: { g: 'ok', label: 'Done', tone: 'ok' },
  failed: { g: 'down', label: 'Failed', tone: 'danger' },
  requested: { g: 'pending', label: 'Requested', tone: 'info' },
  confirmed: { g: 'ok', label: 'Confirmed', tone: 'ok' },
  abandoned: { g: 'revoked', label: 'Taken back', tone: 'mute' },
};
