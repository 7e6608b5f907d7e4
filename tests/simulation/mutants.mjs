// Bugs that a good engineer could have written. Each is switched on in turn in the simulation (scripts/mutants.mjs) and must break
// a promise within its number of seeds: about five times what it took when it was written down, and at least 50.

import atGithub from './mutants/github.mjs';
import atTheDoors from './mutants/doors.mjs';
import inEffects from './mutants/effects.mjs';
import inTasks from './mutants/tasks.mjs';
import onMachines from './mutants/machines.mjs';
import withSecrets from './mutants/secrets.mjs';

/**
 * `breaks`: what a person would suffer. `find` stands in `file` exactly once and becomes `replace`, in which `MUTANT` asks
 * whether this bug is awake; `also` has further places of the same mistake.
 * @type {{name: string, breaks: string, file: string, find: string, replace: string, also?: {file: string, find: string, replace: string}[], within: number}[]}
 */
export default [...inTasks, ...inEffects, ...onMachines, ...atGithub, ...atTheDoors, ...withSecrets];
