// Builds the Worker (wasm32) into build/ and the native programs into target/debug/: `npm run build`.

import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { binaries, built, digest, environment, nativeTarget, outerPath, root, toolDirectory, versions, wasmTarget } from './places.mjs';
import { command, exclusively, main, step } from './steps.mjs';
import { wasmEnvironment, wasmFlags, wasmRust } from './wasm.mjs';

/** The native programs that run beside the Worker on this computer, by package. */
const native = ['porter-runner', 'porter-machines', 'porter-world'];

// What rustc emits for wasm32, and the exceptions that unwinding uses; not all that binaryen knows, since workerd is later.
const features = ['mutable-globals', 'sign-ext', 'nontrapping-float-to-int', 'bulk-memory', 'multivalue', 'reference-types', 'exception-handling'];

export const program = (name) => join(nativeTarget, 'debug', name);

/** Builds what changed; a build that changes nothing costs the reading of the sources. */
export async function build() {
  await exclusively(join(root, '.porter-local', 'build.lock'), async () => {
    await buildNative();
    await buildWorker();
  });
}

/** The Worker as JavaScript and WebAssembly in build/. */
export function buildWorker() {
  return step({
    title: 'The Worker, for WebAssembly',
    why: 'Compiles the standard library and Porter with unwinding panics, then makes it small: three to six minutes the first time, then one to two.',
    stamp: join(wasmTarget, '.worker-done'),
    key: `${wasmRust()?.version} ${versions.wasmBindgen} ${digest('src', 'migrations', 'Cargo.toml', 'Cargo.lock', 'package-lock.json', 'scripts/build.mjs', 'scripts/wasm.mjs')}`,
    intact: () => existsSync(join(built, 'index.js')) && existsSync(join(built, 'index_bg.wasm')),
    work: compileWorker,
  });
}

/** cargo, wasm-bindgen, wasm-opt, esbuild: each writes into a directory aside, which replaces build/ at the end. */
async function compileWorker() {
  const env = wasmEnvironment();
  const half = join(wasmTarget, 'half');
  rmSync(half, { recursive: true, force: true });
  await command('cargo', ['build', '--release', ...wasmFlags], { env });
  await command(join(toolDirectory('wasm-bindgen-cli', versions.wasmBindgen), 'bin', 'wasm-bindgen'), [
    join(wasmTarget, 'wasm32-unknown-unknown', 'release', 'porter.wasm'), '--out-dir', half, '--out-name', 'index', '--target', 'module',
    '--no-typescript', '--experimental-reset-state-function', '--force-enable-abort-handler',
  ], { env });
  const wasm = join(half, 'index_bg.wasm');
  // Not `-Os`: it takes three times as long and its result, compressed, is larger (docs/decisions/0002-building-the-worker.md).
  await command(join(binaries, 'wasm-opt'), [wasm, '-o', wasm, '-O1', ...features.map((name) => `--enable-${name}`)], { env });
  copyFileSync(join(root, 'src', 'workerd', 'entry.js'), join(half, 'entry.js'));
  await command(join(binaries, 'esbuild'), [
    join(half, 'entry.js'), '--bundle', '--minify', '--format=esm', '--external:./index_bg.wasm', '--external:cloudflare:*', `--outfile=${join(half, 'out', 'index.js')}`,
  ], { env });
  const script = join(half, 'out', 'index.js');
  // workerd imports a module of WebAssembly by its plain name; the source-phase form is not understood everywhere yet.
  writeFileSync(script, readFileSync(script, 'utf8').replace('import source ', 'import '));
  renameSync(wasm, join(half, 'out', 'index_bg.wasm'));
  rmSync(built, { recursive: true, force: true });
  renameSync(join(half, 'out'), built);
  rmSync(half, { recursive: true, force: true });
}

/** The machine host, the runner and the stand-in world. In the dev profile: the tests have built most of it already. */
export function buildNative() {
  return step({
    title: `The programs beside it: ${native.join(', ')}`,
    why: 'Ordinary Rust: a minute or two the first time, then seconds.',
    stamp: join(nativeTarget, '.native-done'),
    key: digest('src', 'migrations', 'worker-image/runner', 'worker-image/machines', 'tests/world', 'Cargo.toml', 'Cargo.lock'),
    intact: () => native.every((name) => existsSync(program(name))),
    work: () => command('cargo', ['build', '--locked', ...native.flatMap((name) => ['-p', name])], { env: environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget }) }),
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main(build);
