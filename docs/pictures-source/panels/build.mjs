// Bundles the page into .built/, with the fonts and the icons that Grafana's components ask for.

import { cp } from 'node:fs/promises';
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.jsx'],
  outdir: '.built',
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  minify: true,
  loader: { '.woff': 'file', '.woff2': 'file', '.svg': 'dataurl', '.ttf': 'file' },
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
});
await cp('index.html', '.built/index.html');
await cp('node_modules/@grafana/ui/dist/public/img', '.built/public/build/img', { recursive: true });
