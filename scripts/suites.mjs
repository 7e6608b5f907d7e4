// Every test there is, in the order in which it runs: one line a suite. Add yours here.

import { environment, nativeTarget, outerPath } from './places.mjs';

const native = () => environment({ PATH: outerPath(), CARGO_TARGET_DIR: nativeTarget, CARGO_TERM_COLOR: 'never' });

/** @type {{name: string, needs?: 'worker', program: string, args: string[], env: () => object}[]} */
export const suites = [
  { name: 'Rust: the house, the scenarios, the programs', program: 'cargo', args: ['test', '--locked', '--workspace', '--exclude', 'porter-simulation', '--no-fail-fast'], env: native },
  { name: 'the simulation: two thousand worlds, every call of every script struck', program: 'cargo', args: ['test', '--locked', '--profile', 'simulation', '-p', 'porter-simulation', '--no-fail-fast'], env: native },
  { name: 'set-up and scripts', program: 'node', args: ['--test', 'tests/scripts/*.test.mjs'], env: () => environment() },
  { name: 'the dashboard in a browser', program: 'node', args: ['--test', '--test-concurrency=1', 'tests/assets/*.test.js'], env: () => environment() },
  { name: 'the stand-in GitHub against GitHub itself', needs: 'worker', program: 'node', args: ['--test', '--test-concurrency=1', 'tests/peers/*.test.mjs'], env: () => environment() },
  { name: 'the Worker on the real runtime', needs: 'worker', program: 'node', args: ['--test', '--test-concurrency=1', 'tests/workerd/*.test.mjs'], env: () => environment() },
];
