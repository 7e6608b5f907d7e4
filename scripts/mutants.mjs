// Deliberate bugs, each of which the simulation must catch: `npm run simulate -- --mutants [NAME…]`. The product's sources stay
// clean: a copy of them gets every bug of tests/simulation/mutants.mjs at once, asleep, and one variable wakes one.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import mutants from '../tests/simulation/mutants.mjs';
import { environment, nativeTarget, outerPath, root } from './places.mjs';
import { adopt, command, exclusively, trouble } from './steps.mjs';

/** What cargo needs of the house to build the simulation. */
const needed = ['src', 'migrations', 'tests/world', 'tests/simulation', 'worker-image/runner', 'worker-image/machines', 'worker-image/agents/package.json'];
const copy = join(nativeTarget, 'mutants');
/** The house stands one floor down: at the same place within its workspace, cargo would take it for the product itself. */
const house = 'porter';
const program = join(nativeTarget, 'simulation', 'porter-mutants');
/** The longest a mutant may take: one that makes a world run for ever has not been caught. */
const patienceMs = 180_000;
/** Worlds of the build in which every bug sleeps. */
const asleep = { name: '', breaks: 'nothing: every bug asleep', within: 200 };

const watcher = `//! Which deliberate bug is awake.
use std::sync::OnceLock;

static AWAKE: OnceLock<String> = OnceLock::new();

pub(crate) fn on(name: &str) -> bool {
    AWAKE.get_or_init(|| std::env::var("PORTER_MUTANT").unwrap_or_default()) == name
}
`;

/** Every place that a mutant changes. */
const places = ({ file, find, replace, also = [] }) => [{ file, find, replace }, ...also];

/** The sources with every bug in them, by path. @returns {Map<string, string | Buffer>} */
export function mutated(list = mutants) {
  const files = new Map(needed.flatMap(filesOf).map((path) => [path, readFileSync(join(root, path))]));
  const stale = [];
  for (const mutant of list) {
    for (const { file, find, replace } of places(mutant)) {
      const pieces = String(files.get(file) ?? '').split(find);
      if (pieces.length === 2) files.set(file, pieces.join(replace.replaceAll('MUTANT', `crate::mutant::on("${mutant.name}")`)));
      else stale.push(`${mutant.name}: ${file} has its text ${pieces.length - 1} times`);
    }
  }
  if (stale.length > 0) throw trouble(`Stale mutants: each text must stand in its file exactly once.\n  ${stale.join('\n  ')}`, 'Bring tests/simulation/mutants to what the sources say now.');
  files.set('src/mutant.rs', watcher);
  files.set('src/lib.rs', `${files.get('src/lib.rs')}mod mutant;\n`);
  return files;
}

function filesOf(path) {
  const full = join(root, path);
  const entries = (directory) => readdirSync(directory, { withFileTypes: true }).filter(({ name }) => !['node_modules', 'target'].includes(name));
  const walk = (directory) => entries(directory).flatMap((entry) => (entry.isDirectory() ? walk(join(directory, entry.name)) : [relative(root, join(directory, entry.name))]));
  return path.includes('.json') ? [path] : walk(full);
}

/** Cargo.toml in two: the workspace above, the package in its house. */
function manifests() {
  const sections = readFileSync(join(root, 'Cargo.toml'), 'utf8').split(/^(?=\[)/m);
  const above = (section) => /^\[(workspace|profile)\b/.test(section);
  const paths = (section) => section.replace(/^members = \[/m, `members = ["${house}", `).replace(/"(worker-image|tests)\//g, `"${house}/$1/`).replace('path = "."', `path = "${house}"`);
  return { workspace: sections.filter(above).map(paths).join(''), package: sections.filter((section) => !above(section)).join('') };
}

/** Writes the copy; a file that is as it was keeps its time, so that cargo builds only what changed. */
function write(files) {
  const { workspace, package: own } = manifests();
  const simulation = String(files.get('tests/simulation/Cargo.toml')).replace('name = "porter-simulate"', 'name = "porter-mutants"');
  const all = new Map([...files].map(([path, content]) => [join(house, path), content]));
  all.set('Cargo.toml', workspace).set('Cargo.lock', readFileSync(join(root, 'Cargo.lock'))).set(join(house, 'Cargo.toml'), own);
  all.set(join(house, 'tests/simulation/Cargo.toml'), simulation);
  const there = existsSync(copy) ? readdirSync(copy, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()) : [];
  for (const { parentPath, path, name } of there) if (!all.has(relative(copy, join(parentPath ?? path, name)))) rmSync(join(parentPath ?? path, name));
  for (const [path, content] of all) {
    const full = join(copy, path);
    if (existsSync(full) && readFileSync(full).equals(Buffer.from(content))) continue;
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
}

/** Builds the simulation with every bug in it, asleep. */
export async function buildMutants() {
  const env = environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget });
  await exclusively(join(root, '.porter-local', 'mutants.lock'), async () => {
    write(mutated());
    await command('cargo', ['build', '--locked', '--profile', 'simulation', '-p', 'porter-simulation'], { cwd: copy, env });
  });
}

/**
 * Plays worlds with one bug awake until one breaks a promise.
 * @returns {Promise<{by: string | null, what: string, seeds: number, seconds: number}>} `by`: the promise that was broken.
 */
export function tryMutant({ name, within }) {
  const begun = Date.now();
  return new Promise((done) => {
    const env = environment({ PORTER_MUTANT: name });
    const child = adopt(spawn(program, ['--seeds', String(within)], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true }));
    const patience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    // A failing world tells its whole story; the promise is at its end.
    let end = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { end = (end + text).slice(-4000); });
    child.on('error', (error) => { end += error.message; });
    child.on('close', (code, signal) => {
      clearTimeout(patience);
      const seconds = (Date.now() - begun) / 1000;
      const [, seed, by, what] = end.match(/^Seed (\d+) broke (\w+), .*:\n +(.*)/m) ?? [];
      if (code === 1 && by) return done({ by, what, seeds: Number(seed) + 1, seconds });
      const held = code === 0 ? 'every promise held' : `it ended with ${signal ?? `status ${code}`}: ${end.slice(-300)}`;
      return done({ by: null, what: held, seeds: within, seconds });
    });
  });
}

/** With every bug asleep every promise must hold; `null`, or what was seen instead. */
export async function tryAsleep() {
  const { by, what } = await tryMutant(asleep);
  return by === null && what === 'every promise held' ? null : `${by ?? ''} ${what}`.trim();
}

/** The mutants of these names; all of them when there are none. */
function chosen(names) {
  const unknown = names.filter((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown.length > 0) throw trouble(`No such mutant: ${unknown.join(', ')}.`, `There are: ${mutants.map(({ name }) => name).join(', ')}`);
  return mutants.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** The table, a line as soon as it is known. @returns {Promise<boolean>} whether every mutant was caught. */
export async function showMutants(names) {
  const list = chosen(names);
  console.log(`• The simulation with ${mutants.length} deliberate bugs in it, asleep\n    One build for all: two to three minutes when anything changed.`);
  await buildMutants();
  const awake = await tryAsleep();
  if (awake) throw trouble(`With every bug asleep a promise was broken: ${awake}`, 'npm run simulate');
  const widths = [Math.max(...list.map(({ name }) => name.length)), Math.max(...list.map(({ breaks }) => breaks.length))];
  const row = (name, breaks, by, seeds, seconds) => console.log(`${name.padEnd(widths[0])}  ${breaks.padEnd(widths[1])}  ${by.padEnd(8)}  ${seeds.padStart(11)}  ${seconds.padStart(6)}`);
  row('mutant', 'what a person would suffer', 'caught by', 'seeds', 's');
  let caught = 0;
  for (const mutant of list) {
    if (process.stdout.isTTY) process.stdout.write(`… ${mutant.name}\r`);
    const { by, what, seeds, seconds } = await tryMutant(mutant);
    caught += Number(by !== null);
    row(mutant.name, mutant.breaks, by ?? 'NOBODY', `${seeds} of ${mutant.within}`, seconds.toFixed(1));
    if (by === null && what !== 'every promise held') console.log(`  ${what}`);
  }
  console.log(`\n${caught} of ${list.length} caught.`);
  return caught === list.length;
}
