// SPDX-License-Identifier: AGPL-3.0-or-later
// The pages of Settings: who may see one, and who can help those who may not.
export type SettingsPage = { path: string; label: string; capability: string; whom: string };
export const settingsPages: SettingsPage[] = [
  { path: '/settings/operators', label: 'Operators', capability: 'operator.read', whom: 'administrators and auditors' },
  { path: '/settings/tokens', label: 'API tokens', capability: 'token.read', whom: 'operators' },
];
