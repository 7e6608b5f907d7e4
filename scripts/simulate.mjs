// `npm run simulate`: builds the simulation and runs it with the arguments given, or with `--mutants` one deliberate bug after another.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { showMutants } from './mutants.mjs';
import { environment, nativeTarget, outerPath, root } from './places.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { adopt, command, main } from './steps.mjs';

/** Both parts' help, and the promises, read from the sources: nothing has to be built for it. */
export function help() {
  const simulation = join(root, 'tests/simulation/src');
  const [, own] = readFileSync(join(simulation, 'main.rs'), 'utf8').match(/const HELP: &str = "\\\n(.*?)";/s);
  const promises = [...readFileSync(join(simulation, 'invariants/mod.rs'), 'utf8').matchAll(/^ {4}\("(\w+)", "(.*)"\),$/gm)];
  return `${own}

npm run simulate -- --mutants [NAME…]

Switches on one deliberate bug after another (tests/simulation/mutants.mjs), or those named, and plays worlds until one breaks
a promise. Prints a table, and exits with 1 when a bug was not caught within its number of seeds.

The promises:
${promises.map(([, name, words]) => `  ${name.padEnd(4)} ${words}`).join('\n')}`;
}

/** The program itself, with its own words and its own exit status. */
async function simulate(args) {
  console.log('• The simulation\n    Two to three minutes when anything changed, else a moment.');
  const env = environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget });
  await command('cargo', ['build', '--locked', '--profile', 'simulation', '-p', 'porter-simulation'], { env });
  const child = adopt(spawn(join(nativeTarget, 'simulation', 'porter-simulate'), args, { cwd: root, stdio: 'inherit' }));
  const [code] = await once(child, 'close');
  return code ?? 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  await main(async () => {
    if (args.includes('--help') || args.includes('-h')) return console.log(help());
    checkPrerequisites();
    const at = args.indexOf('--mutants');
    const code = at === -1 ? await simulate(args) : Number(!await showMutants(args.filter((_, index) => index !== at)));
    if (code !== 0) process.exit(code);
  });
}
