// SPDX-License-Identifier: AGPL-3.0-or-later
const D = 864e5;
export function ago(at: string | null, now = Date.now()): string {
  if (!at) return 'Never';
  const s = Math.max(0, (now - Date.parse(at)) / 1000);
  if (s < 60) return `${Math.round(s)} s ago`;
  if (s < 3600) return `${Math.round(s / 60)} min ago`;
  if (s < 86400) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} d ago`;
}
const options: Intl.DateTimeFormatOptions = { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' };
const day = new Intl.DateTimeFormat('en-GB', options);
const full = new Intl.DateTimeFormat('en-GB', { ...options, hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const date = (at: string) => day.format(Date.parse(at));
export const dateTime = (at: string) => full.format(Date.parse(at)) + ' UTC';
export const daysLeft = (at: string, now = Date.now()) => Math.ceil((Date.parse(at) - now) / D);
export function bytes(v: number | null): string {
  if (v === null) return 'Unknown';
  const u = ['B', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (v >= 1000 && i < 4) { v /= 1000; i++; }
  return `${v < 10 && i ? v.toFixed(1) : Math.round(v)} ${u[i]}`;
}
export const num = (v: number) => v.toLocaleString('en-GB');
