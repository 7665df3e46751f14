// Builds the portal's page from src/portal: script and style with a hash of their content in the name, and a manifest.
// Argument: where to (default: where the service of this checkout looks for it).
import process from 'node:process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const usual = join(root, '../services/collegium/services/pages/static/portal-bundle');
const target = resolve(process.argv[2] ?? usual);

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [
    { in: 'src/portal/index.tsx', out: 'portal' },
    { in: 'style/portal.css', out: 'portal' }
  ],
  outdir: target,
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2022'],
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning'
});
const files = Object.entries(metafile.outputs);
const named = ending => basename(files.map(([name]) => name).find(name => name.endsWith(ending)));
// Last: a service that looks meanwhile finds all or nothing.
await writeFile(
  join(target, 'manifest.json'),
  `${JSON.stringify({ script: named('.js'), style: named('.css') })}\n`
);
for (const [name, { bytes }] of files) {
  console.log(`${basename(name)}  ${Math.ceil(bytes / 1024)} KiB`);
}
