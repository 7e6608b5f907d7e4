// The set-up's own promises: a step runs once, an unfinished one runs again, two never run at once, a sum is an honest sum.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { root } from '../../scripts/places.mjs';
import { settingNames, settingsOf } from '../../scripts/settings.mjs';
import { step } from '../../scripts/steps.mjs';
import { tally } from '../../scripts/test.mjs';
import { processes, soon } from '../processes.mjs';

function place(t) {
  const directory = mkdtempSync(join(tmpdir(), 'porter-steps-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a step runs once for a key, and again when the key changes or what it made is gone', async (t) => {
  let runs = 0;
  const stamp = join(place(t), 'stamp');
  const once = (key, intact) => step({ title: 'x', stamp, key, intact, work: async () => { runs += 1; } });
  await once('a');
  await once('a');
  assert.equal(runs, 1);
  await once('b');
  assert.equal(runs, 2);
  await once('b', () => false);
  assert.equal(runs, 3);
});

test('a step that fails is not done', async (t) => {
  const stamp = join(place(t), 'stamp');
  await assert.rejects(step({ title: 'x', stamp, key: 'a', work: async () => { throw new Error('no'); } }));
  assert.equal(existsSync(stamp), false);
});

test('two at once take turns, and a lock left by a killed one is taken over', async (t) => {
  const directory = place(t);
  const program = join(directory, 'one.mjs');
  writeFileSync(program, `
    import { appendFileSync } from 'node:fs';
    import { exclusively } from ${JSON.stringify(pathToFileURL(join(root, 'scripts/steps.mjs')).href)};
    await exclusively(${JSON.stringify(join(directory, 'lock'))}, async () => {
      appendFileSync(${JSON.stringify(join(directory, 'log'))}, 'in ');
      await new Promise((wake) => setTimeout(wake, Number(process.argv[2])));
      appendFileSync(${JSON.stringify(join(directory, 'log'))}, 'out ');
    });`);
  const run = (hold) => spawn(process.execPath, [program, String(hold)], { stdio: 'ignore' });
  const ended = (child) => new Promise((done) => child.once('exit', done));
  const killed = run(60_000);
  while (!existsSync(join(directory, 'log'))) await new Promise((wake) => setTimeout(wake, 20));
  killed.kill('SIGKILL');
  await ended(killed);
  await Promise.all([run(300), run(300), run(300)].map(ended));
  assert.equal(readFileSync(join(directory, 'log'), 'utf8'), 'in in out in out in out ');
  assert.equal(existsSync(join(directory, 'lock')), false);
});

test('an interrupt ends what runs, says how to go on, and leaves no lock', async (t) => {
  const directory = place(t);
  const program = join(directory, 'one.mjs');
  writeFileSync(program, `
    import { command, exclusively, main } from ${JSON.stringify(pathToFileURL(join(root, 'scripts/steps.mjs')).href)};
    await main(() => exclusively(${JSON.stringify(join(directory, 'lock'))}, () => command('sh', ['-c', 'echo $$ > ${directory}/pid; sleep 60 & wait'])));`);
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => { said += text; });
  while (!existsSync(join(directory, 'pid')) || readFileSync(join(directory, 'pid'), 'utf8') === '') await new Promise((wake) => setTimeout(wake, 20));
  child.kill('SIGINT');
  assert.equal(await new Promise((done) => child.once('close', done)), 130);
  assert.match(said, /run the same command again/);
  assert.equal(existsSync(join(directory, 'lock')), false);
  const group = Number(readFileSync(join(directory, 'pid'), 'utf8'));
  assert.ok(await soon(() => !processes().some((one) => one.group === group)), 'the command is left running');
});

test('the sum counts what both runners report, and a cancelled test is no passed one', () => {
  const said = 'test result: ok. 3 passed; 1 failed; 2 ignored; 0 measured\nℹ pass 5\nℹ fail 0\nℹ cancelled 1\nℹ skipped 1\n# pass 2\nnoise 9 passed; 9 failed\n';
  const { passed, failed, skipped } = tally(said);
  assert.deepEqual({ passed, failed, skipped }, { passed: 10, failed: 2, skipped: 3 });
});

test('everything missing is named at once, before anything is done', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs')], { env: { PATH: '/nowhere', HOME: '/nowhere' }, encoding: 'utf8' });
  assert.equal(status, 1);
  for (const name of ['npm', 'git', 'cargo', 'rustc', 'cc']) assert.match(stderr, new RegExp(`- ${name} is missing: .+\\n +\\S`));
});

test('every setting that the Worker reads is named in wrangler.toml', () => {
  const source = readFileSync(join(root, 'src/app/config.rs'), 'utf8').split('#[cfg(test)]')[0];
  const read = [...source.matchAll(/"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)"/g)].map((match) => match[1]);
  const named = new Set(settingNames());
  assert.deepEqual(read.filter((name) => !named.has(name)), []);
  assert.ok(named.has('PUBLIC_APP_URL') && named.has('MENTION') && named.size > 25, [...named].join());
});

test('only named settings reach the Worker, and an empty one is not set', () => {
  assert.deepEqual(settingsOf({ MENTION: '@bot', GITHUB_TOKEN: '', HOME: '/root' }), { MENTION: '@bot' });
});
