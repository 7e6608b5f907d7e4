// Finds dependencies that are declared and never named in the sources, so that each earns its place.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './places.mjs';

const manifests = ['Cargo.toml', 'worker-image/runner/Cargo.toml', 'worker-image/machines/Cargo.toml', 'tests/world/Cargo.toml'];

/** @returns {string[]} "package: dependency" of each that no source of the package names. */
export function unusedDependencies() {
  return manifests.flatMap((manifest) => {
    const home = join(root, dirname(manifest));
    const text = sources(home, manifest === 'Cargo.toml' ? ['src', 'tests'] : ['src', 'tests']);
    return declared(readFileSync(join(root, manifest), 'utf8'))
      .filter((name) => !new RegExp(`\\b${name.replaceAll('-', '_')}\\b`).test(text))
      .map((name) => `${manifest}: ${name}`);
  });
}

function declared(manifest) {
  const sections = manifest.split(/^(?=\[)/m).filter((section) => /^\[(target\..*\.)?(dev-|build-)?dependencies\]/.test(section));
  return sections.flatMap((section) => [...section.matchAll(/^([a-z][\w-]*)(?:\.workspace)? *=/gm)].map((match) => match[1]));
}

function sources(home, directories) {
  return directories.flatMap((directory) => {
    try {
      return readdirSync(join(home, directory), { recursive: true, withFileTypes: true });
    } catch {
      return [];
    }
  }).filter((entry) => entry.isFile() && entry.name.endsWith('.rs')).map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8')).join('\n');
}
