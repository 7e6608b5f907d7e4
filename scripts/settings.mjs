// The names of the Worker's settings, as wrangler.toml lists them (set or commented out), and their values here.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

/** Every setting's name, in the order of wrangler.toml. */
export function settingNames() {
  const vars = readFileSync(join(root, 'wrangler.toml'), 'utf8').split(/^\[vars\]$/m)[1]?.split(/^\[/m)[0] ?? '';
  return [...vars.matchAll(/^(?:# ?)?([A-Z][A-Z0-9_]+) ?=/gm)].map((match) => match[1]);
}

/** The settings that are in this environment; an empty one counts as not set. */
export function settingsOf(environment) {
  return Object.fromEntries(settingNames().filter((name) => environment[name]).map((name) => [name, environment[name]]));
}
