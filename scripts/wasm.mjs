// The Rust that compiles for wasm32 with unwinding panics: rustup's where it can fetch the parts, else Debian's packages.
// Unwinding needs the standard library's source (`-Zbuild-std`); docs/decisions/0002-building-the-worker.md says why it is worth it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { binaries, cache, environment, find, outerPath, root, toolDirectory, wasmTarget } from './places.mjs';
import { command, trouble } from './steps.mjs';

const target = 'wasm32-unknown-unknown';
export const debianPackages = ['rustc-web', 'cargo-web', 'rust-web-src', 'rust-web-llvm', 'rust-web-clippy', 'lld-22'];

function output(program, args) {
  try {
    return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

const hasSource = (sysroot) => sysroot !== '' && existsSync(join(sysroot, 'lib/rustlib/src/rust/library/std/Cargo.toml'));

/** rustup's toolchain, when it has both the target and the source. */
function rustupRoute() {
  const rustc = find('rustup') && output('rustup', ['which', 'rustc']);
  if (!rustc) return null;
  const sysroot = output(rustc, ['--print', 'sysroot']);
  if (!hasSource(sysroot) || !existsSync(join(sysroot, 'lib/rustlib', target, 'lib'))) return null;
  return { route: 'rustup', bin: join(sysroot, 'bin'), version: output(rustc, ['-V']), linker: null };
}

/** Debian's second Rust, kept there for browsers, which has the wasm32 back end. */
function debianRoute() {
  const rustc = '/usr/bin/rustc';
  if (!existsSync(rustc) || !existsSync('/usr/bin/wasm-ld-22') || !existsSync('/usr/bin/cargo')) return null;
  if (!hasSource(output(rustc, ['--print', 'sysroot']))) return null;
  return { route: 'debian', bin: '/usr/bin', version: output(rustc, ['-V']), linker: 'wasm-ld-22' };
}

/** The Rust for wasm32 that is on this machine, or null. */
export const wasmRust = () => rustupRoute() ?? debianRoute();

/** Makes one available: tries rustup first, then Debian's packages (as root, else says what to run). */
export async function installWasmRust(aptInstall) {
  if (find('rustup')) {
    try {
      await command('rustup', ['target', 'add', target], { env: { ...environment(), PATH: outerPath() } });
      await command('rustup', ['component', 'add', 'rust-src'], { env: { ...environment(), PATH: outerPath() } });
      if (rustupRoute()) return;
    } catch {
      console.log("    rustup cannot fetch the wasm32 parts from here; taking Debian's packages instead.");
    }
  }
  await aptInstall(debianPackages, 'the Rust that compiles for WebAssembly');
  if (!wasmRust()) throw trouble('No Rust that compiles for wasm32 could be had.', `rustup target add ${target} && rustup component add rust-src, or on Debian 12: apt-get install ${debianPackages.join(' ')}`);
}

/**
 * The environment for wasm32 builds. A panic unwinds, so the standard library is built with the crate (`-Zbuild-std`), which a
 * stable compiler does when `RUSTC_BOOTSTRAP` says so: the version stays the one that is installed, not a floating nightly.
 */
export function wasmEnvironment() {
  const rust = wasmRust();
  if (!rust) throw trouble('The Rust for wasm32 is not set up.', 'npm run setup');
  return environment({
    PATH: [rust.bin, binaries, outerPath()].join(delimiter),
    CARGO_TARGET_DIR: wasmTarget,
    RUSTC: join(rust.bin, 'rustc'),
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: '-Cpanic=unwind',
    // The bindings' macro otherwise looks for a crate that the worker crate has left.
    WASM_BINDGEN_USE_JS_SYS: '1',
    ...(rust.linker ? { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: rust.linker } : {}),
  });
}

/** What cargo needs besides, for build and clippy alike. */
export const wasmFlags = ['--lib', '--locked', '--target', target, '-Zbuild-std=std,panic_unwind'];

/** Installs a cargo-built tool into the cache, all or nothing; an interrupted build goes on where it was. */
export async function installTool(name, version, flags) {
  const place = toolDirectory(name, version);
  const half = join(cache, 'half', `${name}-${version}`);
  const objects = join(cache, 'half', 'objects');
  rmSync(half, { recursive: true, force: true });
  const env = { ...environment(), PATH: outerPath(), CARGO_TARGET_DIR: objects, CARGO_PROFILE_RELEASE_OPT_LEVEL: '1', CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16', CARGO_PROFILE_RELEASE_DEBUG: '0' };
  await command('cargo', ['install', name, '--version', version, '--root', half, ...flags], { env });
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(cache, 'tools'), { recursive: true });
  renameSync(half, place);
}
