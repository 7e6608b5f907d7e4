// `npm run simulate`: builds the simulation and runs it with the words given; it needs cargo, git and a C compiler, and nothing
// else of the set-up.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { environment, find, nativeTarget, outerPath, root } from './places.mjs';
import { adopt, command, main, trouble } from './steps.mjs';

const env = environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget });

await main(async () => {
  const missing = ['cargo', 'cc'].filter((name) => !find(name));
  if (missing.length > 0) throw trouble(`${missing.join(' and ')} cannot be found.`, 'Install rustup (https://rustup.rs) and your system\'s C compiler; `npm run setup` sees to the rest.');
  console.error('• The simulation\n    Compiled with optimisation: two to four minutes the first time, seconds later.');
  await command('cargo', ['build', '--locked', '--profile', 'simulation', '-p', 'porter-simulation'], { env });
  const program = join(nativeTarget, 'simulation', 'porter-simulate');
  const child = adopt(spawn(program, process.argv.slice(2), { cwd: root, env, stdio: 'inherit' }));
  process.exitCode = await new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done(code ?? 1));
  });
});
