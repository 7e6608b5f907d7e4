// `npm run demo`: posts the demo comment to a running `npm start`, shows what happens, and prints the pull request with its diff.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demoRepository, home } from './local.mjs';
import { main, trouble } from './steps.mjs';

const usage = `npm run demo [-- --comment "@porter claude fix the flaky test"] [--timeout SECONDS]

Posts a comment to the demo repository of a running \`npm start\`, shows the progress, and prints the pull request's address and diff.
Exit status: 0 when there is a pull request with a diff, 1 when the task ended without one, 2 when it took longer than the timeout (120 s).`;

const issue = 1;
const person = 'alice';

function running() {
  const file = join(home, 'running.json');
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
  if (known?.mode === 'real') throw trouble('The running Porter works for a real repository; the demo would be a stranger there.', `Write the comment yourself on an issue of ${known.repository}.`);
  if (!known) throw trouble('Porter is not running.', 'In another terminal: npm start');
  return known.ports;
}

async function control(port, what, body) {
  let answer;
  try {
    answer = await fetch(`http://127.0.0.1:${port}/_world/${what}`, body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {});
  } catch {
    throw trouble('The stand-in for GitHub does not answer.', 'Is `npm start` still running?');
  }
  if (!answer.ok) throw trouble(`The stand-in for GitHub refused: ${await answer.text()}`, 'npm start, and then again');
  return answer.json();
}

async function look(port) {
  const { repositories } = await control(port, 'state');
  const repository = repositories.find((one) => one.full_name === demoRepository);
  if (!repository) throw trouble(`There is no ${demoRepository} in the stand-in.`, 'Start again: npm start');
  return repository;
}

const newest = (list, than) => list.filter((one) => one.id > than);
const highest = (list, key) => Math.max(0, ...list.map((one) => one[key]));

/** The text of a comment without its hidden marker, as a person reads it. */
const readable = (text) => text.replaceAll(/<!--[\s\S]*?-->/g, '').trim();

await main(async () => {
  const { values } = parseArgs({ options: { comment: { type: 'string', default: '@porter claude fix the flaky test' }, timeout: { type: 'string', default: '120' }, help: { type: 'boolean' } } });
  if (values.help) return console.log(usage);
  const { world } = running();
  const before = await look(world);
  const pulls = highest(before.issues.filter((one) => one.pull), 'number');
  const comments = highest(before.issues.flatMap((one) => one.comments), 'id');
  const begun = Date.now();
  const since = () => `${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s`;
  await control(world, 'comment', { repo: demoRepository, author: person, issue, body: values.comment });
  console.log(`${since()}  ${person} wrote on ${demoRepository}#${issue}: ${values.comment}`);
  const said = new Map();
  for (let labels = ''; Date.now() - begun < Number(values.timeout) * 1000; await new Promise((wake) => setTimeout(wake, 400))) {
    const repository = await look(world);
    const here = repository.issues.find((one) => one.number === issue);
    if (here.labels.join() !== labels) console.log(`${since()}  labels: ${labels = here.labels.join()}`);
    for (const comment of newest(here.comments, comments)) {
      if (comment.author === person || said.get(comment.id) === comment.body) continue;
      said.set(comment.id, comment.body);
      console.log(`${since()}  ${comment.author}: ${readable(comment.body).replaceAll('\n', '\n           ')}`);
    }
    const pull = repository.issues.find((one) => one.pull && one.number > pulls);
    const over = here.labels.some((label) => ['porter:done', 'porter:failed'].includes(label));
    if (pull?.pull.diff && over) {
      console.log(`\n${since()}  pull request: http://127.0.0.1:${world}/${demoRepository}/pull/${pull.number}\n           ${pull.title}\n\n${pull.pull.diff}`);
      return;
    }
    if (over && said.size > 0) {
      console.error('\n✗ The task ended without a pull request.');
      process.exit(1);
    }
  }
  console.error(`\n✗ Nothing final within ${values.timeout} s. What Porter said is above and in the terminal of npm start.`);
  process.exit(2);
});
