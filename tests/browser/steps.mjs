// SPDX-License-Identifier: AGPL-3.0-or-later
// What an operator does in the browser: node steps.mjs <setup|issue|revoke|tour|operators|auditor> with a JSON object on
// standard input; the result is a JSON object on standard output. Everything that crosses the network
// is searched for the private key.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const step = process.argv[2];
const input = JSON.parse(readFileSync(0, 'utf8'));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
page.setDefaultTimeout(15000);
const traffic = [], problems = [];
page.on('request', (r) => traffic.push(r.url() + '\n' + (r.postData() ?? '') + JSON.stringify(r.headers())));
page.on('response', async (r) => { try { traffic.push(await r.text()); } catch { /* a stream, or gone */ } });
page.on('console', (m) => { if (m.type() === 'error' && !/status of (400|401|403)|Opener-Policy header has been ignored/.test(m.text())) problems.push(m.text()); });
page.on('pageerror', (e) => problems.push(String(e)));

async function shot(name) {
  if (!input.screens) return;
  mkdirSync(input.screens, { recursive: true });
  await page.screenshot({ path: join(input.screens, name + '.png') });
}
async function axe(name) {
  await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  for (const v of found.violations) problems.push(`axe ${name}: ${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`);
}
/* Something that only the test outside can do: it answers by taking the file away. */
async function outside(what) {
  const file = join(input.folder, what);
  writeFileSync(file, '');
  while (existsSync(file)) await page.waitForTimeout(50);
}
async function both(name) {
  await page.waitForTimeout(250);
  for (const theme of ['light', 'dark']) {
    await page.evaluate((t) => { document.documentElement.dataset.theme = t; }, theme);
    await page.waitForTimeout(150); /* colours fade */
    await axe(`${name}, ${theme}`);
    await shot(`${name}-${theme}`);
  }
  await page.evaluate(() => { delete document.documentElement.dataset.theme; });
}
const dialog = () => page.locator('dialog[open]').last();
async function signIn() {
  await page.goto(input.base + '/');
  await page.getByLabel('User name').fill(input.user);
  await page.getByLabel('Password').fill(step === 'setup' ? input.first : input.password);
  await shot('sign-in');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const steps = {
  async setup() {
    await signIn();
    await page.getByLabel('Present password').fill(input.first);
    await page.getByLabel('New password', { exact: true }).fill(input.password);
    await page.getByLabel('New password again').fill(input.password);
    await axe('password');
    await page.getByRole('button', { name: 'Change password' }).click();
    for (const node of input.nodes) {
      await page.getByRole('button', { name: 'Add node' }).first().click();
      await page.getByLabel('Enrol string').fill(node.enrol);
      await page.getByRole('button', { name: 'Check node' }).click();
      await page.locator('input[name=node-name]').fill(node.name);
      await shot('add-node');
      await page.getByRole('button', { name: 'Save node' }).click();
      await page.getByRole('link', { name: node.name, exact: true }).waitFor();
    }
    await page.getByText('Online').first().waitFor();
    return {};
  },
  async issue() {
    await signIn();
    await page.getByRole('link', { name: 'People' }).first().click();
    await page.getByRole('button', { name: 'Add person' }).first().click();
    await page.locator('input[name=person-name]').fill(input.person);
    await page.locator('form#person').getByText('Contractor').click();
    await page.locator('dialog').getByRole('button', { name: 'Add person' }).click();
    await page.getByRole('link', { name: input.person }).click();
    await page.getByRole('button', { name: 'Issue peer' }).click();
    await page.locator('input[name=device]').fill(input.device);
    await page.getByLabel('Node').fill(input.node);
    await page.getByRole('option', { name: input.node }).click();
    await axe('issue');
    await shot('issue');
    await page.locator('dialog').getByRole('button', { name: 'Issue peer' }).click();
    await page.getByText('Shown once').waitFor();
    await axe('issued');
    await shot('issued');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    const file = join(input.folder, download.suggestedFilename());
    await download.saveAs(file);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.waitForTimeout(300);
    const key = /PrivateKey = (\S+)/.exec(readFileSync(file, 'utf8'))[1];
    return { file, leaked: traffic.some((text) => text.includes(key)) };
  },
  async revoke() {
    await signIn();
    await page.getByRole('link', { name: 'Peers' }).first().click();
    await page.getByRole('button', { name: input.device }).click();
    await shot('peer');
    await axe('peer');
    await page.locator('dialog[open]').getByRole('button', { name: 'Revoke' }).click();
    const at = Date.now() / 1000;
    await page.locator('dialog[open]').last().getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('Revoked', { exact: true }).first().waitFor();
    await shot('revoked');
    return { at };
  },
  async operators() {
    await signIn();
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('table').waitFor();
    await outside('grow-old');
    await page.getByRole('button', { name: 'Add operator' }).click();
    await page.locator('input[name=operator-name]').fill('ada lovelace');
    await dialog().getByText('Auditor', { exact: true }).click();
    await both('add-operator');
    await dialog().getByRole('button', { name: 'Add operator' }).click();
    await page.getByText('Confirm with your password').waitFor();
    await both('confirm-password');
    await page.locator('input[name=confirm-password]').fill('not my password');
    await dialog().getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('That is not your password.').waitFor();
    await page.locator('input[name=confirm-password]').fill(input.password);
    await dialog().getByRole('button', { name: 'Confirm' }).click();
    /* the request is sent again by itself, and now says what is wrong with it */
    await page.getByText('Letters a to z, digits').waitFor();
    await page.locator('input[name=operator-name]').fill('ada.lovelace');
    await dialog().getByRole('button', { name: 'Add operator' }).click();
    await page.getByText('ada.lovelace added').waitFor();
    await both('operator-added');
    const first = await page.getByLabel('Temporary password').inputValue();
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('button', { name: 'ada.lovelace' }).waitFor();
    await both('operators');
    await page.getByRole('button', { name: 'ada.lovelace' }).click();
    await page.getByText('Created operator').waitFor();
    await both('operator');
    await page.getByRole('button', { name: 'Edit' }).click();
    await dialog().locator('form').getByText('Operator', { exact: true }).click();
    await both('operator-edit');
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'API tokens' }).click();
    await page.getByText('A token lets a script').waitFor();
    await both('tokens-empty');
    await page.getByRole('button', { name: 'Make token' }).first().click();
    await page.locator('input[name=token-name]').fill('deploy script');
    await dialog().getByText('Operator', { exact: true }).click();
    await both('add-token');
    await dialog().getByRole('button', { name: 'Make token' }).click();
    await page.getByText('Shown once').waitFor();
    await both('token-made');
    const token = await page.getByLabel('API token').inputValue();
    await dialog().getByRole('button', { name: 'Done' }).click();
    await page.getByText('Nobody has this token yet').waitFor();
    await dialog().getByRole('button', { name: 'Keep open' }).click();
    await page.getByLabel('API token').selectText();
    await page.keyboard.press('Control+c');
    await dialog().getByRole('button', { name: 'Done' }).click();
    await page.getByRole('rowheader', { name: 'deploy script' }).waitFor();
    await both('tokens');
    await page.goto(input.base + '/me');
    await page.getByText('This one').waitFor();
    await both('me');
    await outside('end-session');
    await page.getByText('Your session has ended').waitFor();
    await both('session-ended');
    await page.locator('input[name=confirm-password]').fill(input.password);
    await dialog().getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Your session has ended').waitFor({ state: 'detached' });
    await page.getByText('This one').waitFor();
    return { first, token };
  },
  async auditor() {
    await page.goto(input.base + '/');
    await page.getByLabel('User name').fill('ada.lovelace');
    await page.getByLabel('Password').fill(input.given);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Present password').fill(input.given);
    await page.getByLabel('New password', { exact: true }).fill(input.password);
    await page.getByLabel('New password again').fill(input.password);
    await page.getByRole('button', { name: 'Change password' }).click();
    const seen = [];
    for (const path of ['/nodes', '/people', '/peers', '/audit', '/settings/operators', '/settings/tokens', '/me']) {
      await page.getByRole('link', { name: 'Nodes' }).first().waitFor();
      await page.goto(input.base + path);
      await page.locator('main h1').waitFor();
      await page.waitForTimeout(400);
      seen.push(...(await page.locator('main').getByRole('button').allInnerTexts()).map((text) => `${path}: ${text.trim()}`));
      if (path === '/nodes' || path === '/settings/operators') await both('auditor' + path.replaceAll('/', '-'));
    }
    await page.goto(input.base + '/nodes');
    await page.getByRole('table').getByRole('link').first().click();
    await page.getByText('Fingerprint pinned').waitFor();
    seen.push(...(await page.locator('main').getByRole('button').allInnerTexts()).map((text) => `/nodes/id: ${text.trim()}`));
    return { seen, role: await page.locator('.who').innerText() };
  },
  async tour() {
    await signIn();
    for (const [name, path] of [['nodes', '/nodes'], ['peers', '/peers?view=all'], ['people', '/people'], ['audit', '/audit']]) {
      await page.getByRole('link', { name: 'Nodes' }).first().waitFor();
      await page.goto(input.base + path);
      await page.getByRole('table').waitFor();
      await page.waitForTimeout(300);
      await axe(name);
      await shot(name);
    }
    await page.goto(input.base + '/nodes');
    await page.getByRole('table').getByRole('link').first().click();
    await page.getByText('Fingerprint pinned').waitFor();
    await axe('node');
    await shot('node');
    await page.getByRole('button', { name: 'Dark theme' }).click();
    await axe('node, dark');
    await shot('node-dark');
    return {};
  },
};

let result;
try { result = { ...(await steps[step]()), problems }; }
catch (e) {
  await shot('failed-' + step);
  result = { error: String(e), problems };
}
await browser.close();
writeFileSync(1, JSON.stringify(result) + '\n');
