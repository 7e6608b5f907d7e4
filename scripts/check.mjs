// `npm run check`: what must hold before a commit that ends a piece of work: format, lints on both targets, unused dependencies,
// licences and advisories where the tools are there, the dashboard's types, and every test.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environment, find, nativeTarget, outerPath, root } from './places.mjs';
import { setUp } from './setup.mjs';
import { command, exclusively, main, trouble } from './steps.mjs';
import { runSuites } from './test.mjs';
import { unusedDependencies } from './unused.mjs';
import { wasmEnvironment, wasmFlags, wasmRust } from './wasm.mjs';

const native = { env: environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget }) };

async function told(title, work) {
  console.log(`• ${title}`);
  await work();
}

await main(async () => {
  if (process.argv.includes('--help')) return console.log('npm run check [-- --no-tests]: format, lints (host and wasm32), dependencies, types, and all tests.');
  await setUp({ for: 'test' });
  await exclusively(join(root, '.porter-local', 'check.lock'), async () => {
    await told('Format', () => command('cargo', ['fmt', '--all', '--check'], native));
    await told('Dependencies that nothing uses', () => {
      const unused = unusedDependencies();
      if (unused.length > 0) throw trouble(`Unused dependencies: ${unused.join(', ')}.`, 'Remove them from Cargo.toml.');
    });
    if (find('cargo-deny') && existsSync(join(root, 'deny.toml'))) await told('Licences and advisories', () => command('cargo', ['deny', '--offline', 'check', 'bans', 'licenses', 'sources'], native));
    await told('Lints, this computer', () => command('cargo', ['clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'], native));
    if (existsSync(join(wasmRust().bin, 'cargo-clippy'))) await told('Lints, wasm32', () => command('cargo', ['clippy', ...wasmFlags, '--', '-D', 'warnings'], { env: wasmEnvironment() }));
    else throw trouble('clippy for the wasm32 Rust is not installed.', 'rustup component add clippy, or on Debian: apt-get install rust-web-clippy');
    if (existsSync(join(root, 'assets', 'tsconfig.json'))) await told("The dashboard's types", () => command(join(root, 'tests/assets/node_modules/.bin/tsc'), ['-p', 'assets', '--noEmit'], {}));
  });
  if (!process.argv.includes('--no-tests') && !await runSuites({ only: [] })) process.exit(1);
});
