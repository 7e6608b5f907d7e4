// Where things are and which versions are pinned. Everything else asks here.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'porter');
export const binaries = join(root, 'node_modules', '.bin');
export const nativeTarget = join(root, 'target');
export const wasmTarget = join(root, 'target-wasm');
export const built = join(root, 'build');

export const versions = {
  // Must be the version in Cargo.lock: the command line tool and the library share a private format.
  wasmBindgen: '0.2.130',
  rust: '1.95.0',
};

/** The directory of a cargo-installed tool; its name changes with the version, so an upgrade never mixes two. */
export const toolDirectory = (name, version) => join(cache, 'tools', `${name}-${version}`);

/** The environment for child processes: Node 22 from node_modules first, no telemetry, no questions. */
export function environment(extra = {}) {
  return { ...process.env, PATH: [binaries, outerPath()].join(delimiter), WRANGLER_SEND_METRICS: 'false', CI: process.env.CI ?? '1', ...extra };
}

/** PATH without any node_modules: what the user's own shell has. npm must not run on the Node it is replacing. */
export function outerPath() {
  return (process.env.PATH ?? '').split(delimiter).filter((part) => !part.includes('node_modules')).join(delimiter);
}

/** The first executable of this name on the user's PATH. */
export function find(name) {
  return outerPath().split(delimiter).map((part) => join(part, name)).find((path) => existsSync(path) && statSync(path).isFile());
}

/** A digest of the named files and directories (relative to the root), names included. */
export function digest(...paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) if (name !== 'node_modules' && name !== 'target') visit(join(path, name));
    } else {
      hash.update(`${path}\0`).update(readFileSync(full)).update('\0');
    }
  };
  paths.forEach(visit);
  return hash.digest('hex').slice(0, 32);
}
