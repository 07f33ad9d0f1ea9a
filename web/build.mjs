// SPDX-License-Identifier: AGPL-3.0-or-later
// Bundles src/ into dist/: files with their content's hash in the name, and the one page.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import sveltePlugin from 'esbuild-svelte';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const result = await esbuild.build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  outdir: 'dist',
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  metafile: true,
  legalComments: 'none',
  conditions: ['svelte', 'browser'],
  mainFields: ['svelte', 'browser', 'module', 'main'],
  loader: { '.svg': 'text', '.woff2': 'file' },
  plugins: [sveltePlugin({ compilerOptions: { css: 'external', dev: false } })],
  logLevel: 'warning',
});

const outputs = Object.keys(result.metafile.outputs).map((path) => basename(path));
const js = outputs.find((name) => /^main-.*\.js$/.test(name));
const css = outputs.find((name) => /^main-.*\.css$/.test(name));
const icon = readFileSync(join(root, 'favicon.svg'));
const iconName = `favicon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
writeFileSync(join(dist, iconName), icon);
writeFileSync(join(dist, 'index.html'), `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>WGKeeper</title>
<link rel="icon" href="/${iconName}" type="image/svg+xml">
<link rel="stylesheet" href="/${css}">
</head>
<body>
<div id="app"></div>
<script type="module" src="/${js}"></script>
</body>
</html>
`);
