// SPDX-License-Identifier: AGPL-3.0-or-later
// The URL is the state of every page.
export const loc = $state({ path: location.pathname, query: new URLSearchParams(location.search) });
function sync() { loc.path = location.pathname; loc.query = new URLSearchParams(location.search); }
addEventListener('popstate', sync);
export function go(url: string, replace = false) {
  const before = loc.path.split('/')[1];
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  sync();
  if (!replace && before !== loc.path.split('/')[1]) document.getElementById('main')?.focus({ preventScroll: true });
}
export function setQuery(patch: Record<string, string | null>) {
  const q = new URLSearchParams(loc.query);
  for (const [k, v] of Object.entries(patch)) v === null || v === '' ? q.delete(k) : q.set(k, v);
  const s = q.toString();
  go(loc.path + (s ? '?' + s : ''), true);
}
addEventListener('click', (e) => {
  const a = (e.target as Element).closest?.('a');
  if (!a || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || a.target || a.origin !== location.origin || a.hasAttribute('download')) return;
  e.preventDefault();
  go(a.pathname + a.search);
});
