// `npm test`: sets up, builds, runs every suite, and sums what they report. `npm test -- WORD` runs the suites whose name has it.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildNative, buildWorker } from './build.mjs';
import { root } from './places.mjs';
import { setUp } from './setup.mjs';
import { adopt, main } from './steps.mjs';
import { suites } from './suites.mjs';

/** node's test runner takes files here, not patterns: Node 20 and 22 read patterns differently. */
function files(words) {
  return words.flatMap((word) => {
    const star = word.match(/^(.*)\/\*(\..*)$/);
    return star ? readdirSync(join(root, star[1])).filter((name) => name.endsWith(star[2])).sort().map((name) => `${star[1]}/${name}`) : [word];
  });
}

/** The closing lines of cargo's and node's test runners; `null` when there was none. */
export function tally(output) {
  const sum = { passed: 0, failed: 0, skipped: 0, seen: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    sum.passed += Number(passed); sum.failed += Number(failed); sum.skipped += Number(ignored); sum.seen += 1;
  }
  for (const [, word, count] of output.matchAll(/^(?:ℹ|#) (pass|fail|cancelled|skipped|todo) (\d+)$/gm)) {
    const kind = { pass: 'passed', fail: 'failed', cancelled: 'failed', skipped: 'skipped', todo: 'skipped' }[word];
    sum[kind] += Number(count); sum.seen += 1;
  }
  return sum;
}

function run({ name, program, args, env }) {
  console.log(`\n━━ ${name}`);
  return new Promise((done) => {
    const child = adopt(spawn(program, files(args), { cwd: root, env: env(), stdio: ['ignore', 'pipe', 'pipe'], detached: true }));
    let output = '';
    for (const [stream, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      stream.setEncoding('utf8').on('data', (text) => { output += text; to.write(text); });
    }
    child.on('error', (error) => done({ name, passed: 0, failed: 1, skipped: 0, why: error.message }));
    child.on('close', (code) => {
      const sum = tally(output);
      // A suite that ended badly, or reported nothing, has failed, whatever it counted.
      const why = code !== 0 ? `ended with status ${code}` : sum.seen === 0 || sum.passed + sum.failed === 0 ? 'ran no test' : null;
      done({ name, ...sum, failed: why && sum.failed === 0 ? 1 : sum.failed, why });
    });
  });
}

/** @param {{build: boolean, only: string[]}} choice @returns {Promise<boolean>} whether all passed. */
export async function runSuites({ only }) {
  const chosen = suites.filter(({ name }) => only.length === 0 || only.some((word) => name.includes(word)));
  const results = [];
  let built = false;
  for (const suite of chosen) {
    if (suite.needs === 'worker' && !built) {
      await buildNative();
      await buildWorker();
      built = true;
    }
    results.push(await run(suite));
  }
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  console.log('');
  for (const { name, passed, failed, skipped, why } of results) console.log(`${failed === 0 ? '✓' : '✗'} ${name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}${why ? ` (${why})` : ''}`);
  console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
  return chosen.length > 0 && total('failed') === 0 && total('passed') > 0;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    if (process.argv.includes('--help')) return console.log(`npm test [-- WORD…]: sets up and runs every test, or the suites whose name has a word:\n  ${suites.map(({ name }) => name).join('\n  ')}`);
    await setUp({ for: 'test' });
    if (!await runSuites({ only: process.argv.slice(2) })) process.exit(1);
  });
}
