// What must be on the machine before anything else; all that is missing is named at once, before any work begins.

import { execFileSync } from 'node:child_process';
import { find, versions } from './places.mjs';
import { trouble } from './steps.mjs';

const rustup = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . ~/.cargo/env";
const node = 'https://nodejs.org, or: curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs';

const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
const apt = (name) => `${sudo}apt-get update && ${sudo}apt-get install -y ${name}`;

function version(program) {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).match(/\d+(\.\d+)+/)?.[0] ?? '0';
  } catch {
    return null;
  }
}

const atLeast = (have, want) => {
  const [a, b] = [have, want].map((text) => text.split('.').map(Number));
  const at = a.findIndex((part, index) => part !== (b[index] ?? 0));
  return at === -1 || a[at] > (b[at] ?? 0);
};

/** Refuses with a list of every missing tool: which, why, and the one command that installs it. */
export function checkPrerequisites() {
  const missing = [];
  const need = (name, why, install, minimum = '0') => {
    const have = find(name) && version(name);
    if (!have) missing.push(`${name} is missing: ${why}.\n      ${install}`);
    else if (!atLeast(have, minimum)) missing.push(`${name} ${have} is too old, ${minimum} is needed: ${why}.\n      ${install}`);
  };
  if (process.platform !== 'linux') missing.push('Linux is needed: the local machine host uses its namespaces and process groups.\n      Docker, a virtual machine or WSL 2');
  if (!atLeast(process.versions.node, '20.0.0')) missing.push(`Node ${process.versions.node} is too old, 20 is needed: it runs these scripts.\n      ${node}`);
  need('npm', 'it brings the Workers runtime', node, '9.0.0');
  need('git', 'Porter and its tests clone repositories', apt('git'), '2.34');
  need('cargo', 'Porter is written in Rust', rustup);
  need('rustc', 'Porter is written in Rust', find('rustup') ? 'rustup update stable' : rustup, versions.rust);
  need('cc', 'some Rust crates bring C code (SQLite, cryptography) and Rust links with it', apt('build-essential'));
  if (missing.length > 0) {
    throw trouble(`${missing.length === 1 ? 'One thing is' : `${missing.length} things are`} missing on this machine. Nothing was changed.`, missing.map((item) => `- ${item}`).join('\n  '));
  }
}
