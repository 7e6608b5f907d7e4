// Sets everything up on a fresh machine and costs seconds the second time: `npm run setup`, and the first act of start and test.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { binaries, cache, digest, environment, find, outerPath, root, toolDirectory, versions } from './places.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { command, exclusively, main, step, trouble } from './steps.mjs';
import { installTool, installWasmRust, wasmRust } from './wasm.mjs';

/** Where the agents' programs are: the directory whose `node_modules` has them. */
export const agents = join(root, 'worker-image', 'agents');

const isRoot = process.getuid?.() === 0;

/** Programs from Debian's packages: what they are for, and whether Porter goes on without them. */
const packaged = [
  { program: 'bwrap', packages: ['bubblewrap'], why: 'the box that an agent works in on this computer' },
  { program: 'setpriv', packages: ['util-linux'], why: 'children that end with their parent' },
  { program: 'chromium', packages: ['chromium'], why: 'the browser that the dashboard tests drive', only: 'test' },
];

/** Packages that only tests use, by directory. */
const testPackages = [
  ['tests/assets', "the dashboard's types and browser driver"],
  ['tests/peers', "GitHub's own descriptions and clients"],
];

/** @param {{for: 'start' | 'test'}} purpose */
export async function setUp(purpose) {
  checkPrerequisites();
  await exclusively(join(cache, 'setup.lock'), () => machineSteps(purpose));
  await exclusively(join(root, '.porter-local', 'setup.lock'), () => projectSteps(purpose));
}

async function machineSteps(purpose) {
  if (!wasmRust()) {
    console.log("• The Rust that compiles for WebAssembly\n    Rustup's, or about 300 MB of Debian's packages: half a minute to two minutes.");
    await installWasmRust(aptInstall);
  }
  await tool('wasm-bindgen-cli', versions.wasmBindgen, 'wasm-bindgen', [], 'Writes the JavaScript around the WebAssembly. Compiled from source, once per machine: about a minute and a half.');
  rmSync(join(cache, 'half'), { recursive: true, force: true });
  for (const { program, packages, why, only } of packaged) {
    if (find(program) || (only && only !== purpose.for)) continue;
    try {
      await aptInstall(packages, why);
    } catch (error) {
      console.log(`  ! Without ${program} (${why}); going on. ${error.remedy ?? error.message}`);
    }
  }
}

function tool(name, version, program, flags, why) {
  const place = toolDirectory(name, version);
  return step({
    title: `${name} ${version}`, why, stamp: join(place, '.done'), key: version,
    intact: () => existsSync(join(place, 'bin', program)),
    work: () => installTool(name, version, flags),
  });
}

async function projectSteps(purpose) {
  const env = { ...environment(), PATH: outerPath() };
  // Not `npm ci`: it refuses a lock file without the packages of other platforms, which not every registry has. With
  // `--no-save` the lock file is followed all the same and stays as it is.
  const npm = async (directory) => {
    rmSync(join(directory, 'node_modules'), { recursive: true, force: true });
    await command('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory, env });
  };
  await step({
    title: 'Packages: the Workers runtime, wrangler and Node 22',
    why: 'About 500 MB from the npm registry, no install scripts run: ten seconds to a minute.',
    stamp: join(root, 'node_modules', '.porter-done'), key: digest('package.json', 'package-lock.json'),
    intact: () => existsSync(join(binaries, 'workerd')) && existsSync(join(binaries, 'node')),
    work: () => npm(root),
  });
  await step({
    title: 'The agents: claude, codex, gemini, opencode',
    why: 'About 1 GB from the npm registry, no install scripts run: ten seconds to two minutes.',
    stamp: join(agents, 'node_modules', '.porter-done'), key: digest('worker-image/agents/package.json', 'worker-image/agents/package-lock.json'),
    work: () => npm(agents),
  });
  if (purpose.for !== 'test') return;
  for (const [directory, what] of testPackages) {
    await step({
      title: `Packages for the tests: ${what}`,
      why: 'From the npm registry, no install scripts run: ten seconds to a minute.',
      stamp: join(root, directory, 'node_modules', '.porter-done'), key: digest(`${directory}/package.json`, `${directory}/package-lock.json`),
      work: () => npm(join(root, directory)),
    });
  }
}

/** Installs Debian packages as root; anyone else is told the command. */
async function aptInstall(packages, why) {
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) throw trouble(`${packages.join(', ')} (${why}) must come from your system's packages.`, `On Debian: ${line}`);
  if (!isRoot) throw trouble(`Root is needed to install ${packages.join(', ')} (${why}).`, `Run this, then the same command again:  sudo sh -c '${line}'`);
  console.log(`• Debian packages: ${packages.join(' ')}\n    For ${why}.`);
  const env = environment({ DEBIAN_FRONTEND: 'noninteractive', PATH: outerPath() });
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  if (!packages.every(isKnown)) await command('apt-get', ['update', ...wait], { env });
  const install = () => command('apt-get', ['install', '-y', '--no-install-recommends', ...wait, ...packages], { env });
  try {
    await install();
  } catch {
    // An interrupted earlier run leaves half-configured packages; stale lists name files that are gone.
    await command('dpkg', ['--configure', '-a'], { env });
    await command('apt-get', ['update', ...wait], { env });
    await install();
  }
}

function isKnown(name) {
  const lists = '/var/lib/apt/lists';
  if (!existsSync(lists) || !readdirSync(lists).some((file) => file.includes('Packages'))) return false;
  try {
    return /Candidate: \d/.test(execFileSync('apt-cache', ['policy', name], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--help')) {
    console.log('npm run setup: installs everything Porter and its tests need, or says what you have to install. Safe to repeat and to interrupt.');
  } else {
    await main(async () => {
      await setUp({ for: 'test' });
      console.log('Set-up is complete.');
    });
  }
}
