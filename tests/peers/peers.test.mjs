// Independent programs take the world for GitHub: Octokit's clients, the published webhook schemas, real git, a shell.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/rest';
import { verify } from '@octokit/webhooks-methods';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

import { SECRET, start, TOKEN, until } from './world.mjs';

const run = promisify(execFile);
const schema = createRequire(import.meta.url)('@octokit/webhooks-schemas/schema.json');
const target = { owner: 'acme', repo: 'demo' };
let world;
let folder;

before(async () => {
  world = await start({ app: true });
  folder = mkdtempSync(join(tmpdir(), 'porter-peers-'));
});

after(async () => {
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function git(...words) {
  return run('git', words, { cwd: folder, env: { ...process.env, GIT_TERMINAL_PROMPT: '0' } });
}

test("Octokit's App authentication gets a token, and its scope binds", async () => {
  const app = new Octokit({ baseUrl: world.api, authStrategy: createAppAuth, auth: { appId: 4242, privateKey: world.privateKey } });
  const { data: installation } = await app.rest.apps.getRepoInstallation(target);
  const { data: installations } = await app.rest.apps.listInstallations();
  assert.deepEqual(installations.map((one) => [one.id, one.account.login]), [[installation.id, 'acme']]);
  const narrowed = { repositoryNames: ['demo'], permissions: { issues: 'write' } };
  const { token } = await app.auth({ type: 'installation', installationId: installation.id, ...narrowed });
  const client = new Octokit({ baseUrl: world.api, auth: token });
  const { data: comment } = await client.rest.issues.createComment({ ...target, issue_number: 1, body: 'hello' });
  assert.equal(comment.user.login, 'porter[bot]');
  await assert.rejects(client.rest.git.createBlob({ ...target, content: 'x' }), { status: 403 });
  const { minted } = await world.control('record');
  assert.deepEqual([minted.at(-1).repositories, minted.at(-1).permissions], [['acme/demo'], { issues: 'write' }]);
});

test("Octokit's pagination follows our links to the end", async () => {
  const client = new Octokit({ baseUrl: world.api, auth: TOKEN });
  for (let n = 0; n < 7; n += 1) await client.rest.issues.createComment({ ...target, issue_number: 1, body: `note ${n}` });
  const all = await client.paginate(client.rest.issues.listComments, { ...target, issue_number: 1, per_page: 3 });
  const bodies = all.map((comment) => comment.body).filter((body) => body.startsWith('note'));
  assert.deepEqual(bodies, [0, 1, 2, 3, 4, 5, 6].map((n) => `note ${n}`));
});

test('every webhook fits its published schema and is signed as GitHub signs', async () => {
  const repo = 'acme/demo';
  const { number } = await world.control('issue', { repo, author: 'alice', title: 'One more', body: 'Please' });
  const { id } = await world.control('comment', { repo, author: 'bob', issue: number, body: '@porter fix it' });
  await world.control('edit', { repo, comment: id, body: '@porter do not' });
  await world.control('label', { repo, who: 'alice', issue: number, labels: ['bug'] });
  await world.control('push', { repo, who: 'bob', branch: 'topic', message: 'Change', files: { 'a.txt': 'a\n', 'README.md': null } });
  const client = new Octokit({ baseUrl: world.api, auth: TOKEN });
  const { data: pull } = await client.rest.pulls.create({ ...target, title: 'Topic', head: 'topic', base: 'main' });
  await world.control('review', { repo, author: 'alice', pull: pull.number, state: 'COMMENTED', body: '@porter more' });
  await world.control('line-comment', { repo, author: 'alice', pull: pull.number, path: 'a.txt', line: 1, body: '@porter b' });
  await world.control('push', { repo, who: 'bob', branch: 'topic', message: 'More', files: { 'b.txt': 'b\n' } });
  await world.control('merge', { repo, who: 'alice', number: pull.number });
  await world.control('close', { repo, who: 'alice', number });
  const { id: installed } = await world.control('install', { account: 'alice', permissions: { issues: 'write' } });
  await world.control('uninstall', { id: installed });
  await until(async () => (await world.control('deliveries')).waiting === 0, 'all deliveries sent');

  const ajv = addFormats(new Ajv({ strict: false }));
  ajv.addSchema(schema, 'webhooks');
  const seen = new Set();
  for (const { headers, text } of await until(() => world.received.length >= 14 && world.received, 'the deliveries')) {
    assert.ok(await verify(SECRET, text, headers['x-hub-signature-256']));
    const payload = JSON.parse(text);
    const event = headers['x-github-event'];
    const name = payload.action ? `${event}$${payload.action}` : `${event}$event`;
    const validate = ajv.getSchema(`webhooks#/definitions/${name}`);
    assert.ok(validate, `GitHub publishes ${name}`);
    assert.ok(validate(payload), `${name}: ${JSON.stringify(validate.errors, null, 1)}`);
    assert.ok(payload.installation, `${name} names its installation`);
    seen.add(name);
  }
  for (const name of ['issues$opened', 'issues$closed', 'issue_comment$created', 'issue_comment$edited', 'push$event', 'pull_request$opened',
    'pull_request$synchronize', 'pull_request$closed', 'pull_request_review$submitted', 'pull_request_review_comment$created',
    'installation$created', 'installation$deleted']) assert.ok(seen.has(name), name);
});

test('real git clones, fetches what the API made, and is refused a push', async () => {
  const address = `${world.web.replace('http://', `http://x:${TOKEN}@`)}/acme/demo.git`;
  await git('clone', '-q', address, 'copy');
  const { sha } = await world.control('push', { repo: 'acme/demo', who: 'bob', branch: 'later', message: 'Later', files: { 'deep/er/file.txt': 'x\n' } });
  await git('-C', 'copy', 'fetch', '-q', '--depth', '1', 'origin', sha);
  const { stdout } = await git('-C', 'copy', 'show', `${sha}:deep/er/file.txt`);
  assert.equal(stdout, 'x\n');
  await git('-C', 'copy', 'fsck', '--strict');
  await assert.rejects(git('-C', 'copy', 'push', '-q', 'origin', 'HEAD:refs/heads/mine'), /Write access to repository not granted/);
});

test('a private repository is hidden from git and API without the right token', async () => {
  await world.control('repo', { owner: 'acme', name: 'secret', private: true, files: { a: 'b' } });
  await assert.rejects(git('clone', '-q', `${world.web}/acme/secret.git`, 'hidden'), /could not read Username|Authentication/);
  const { token } = await world.control('token', { login: 'mallory', scopes: ['repo'] });
  await assert.rejects(git('clone', '-q', `${world.web.replace('http://', `http://x:${token}@`)}/acme/secret.git`, 'hidden'), /not found/i);
  const answer = await fetch(`${world.api}/repos/acme/secret`, { headers: { authorization: `Bearer ${token}`, 'user-agent': 'x' } });
  assert.equal(answer.status, 404);
});

test('a lost reply breaks the connection after the work is done', async () => {
  await world.control('fault', { method: 'POST', path: '/comments', lost_reply: true });
  const headers = { authorization: `Bearer ${TOKEN}`, 'user-agent': 'x' };
  const body = JSON.stringify({ body: 'was it written?' });
  const lost = fetch(`${world.api}/repos/acme/demo/issues/1/comments`, { method: 'POST', headers, body }).then((answer) => answer.text());
  await assert.rejects(lost);
  const { repositories } = await world.control('state');
  const [issue] = repositories[0].issues;
  assert.equal(issue.comments.at(-1).body, 'was it written?');
});

test("the scripted model's fix makes the demo's test hold, and a second run adds a test", async () => {
  await git('clone', '-q', `${world.web}/acme/demo.git`, 'demo');
  const cwd = join(folder, 'demo');
  const request = { model: 'claude-sonnet-4-5', max_tokens: 100, tools: [{ name: 'Bash', input_schema: {} }], messages: [{ role: 'user', content: 'fix it' }] };
  const ask = async (key, model = request.model) => fetch(`${world.models}/v1/messages`, {
    method: 'POST', headers: { 'x-api-key': key }, body: JSON.stringify({ ...request, model }),
  });
  const answer = await (await ask('canary-anthropic-0001')).json();
  assert.equal(answer.stop_reason, 'tool_use');
  const { command } = answer.content[1].input;
  for (const changed of ['src/backoff.mjs', 'test/backoff.test.mjs']) {
    await run('bash', ['-c', command], { cwd });
    const { stdout } = await run('git', ['status', '--short'], { cwd });
    assert.match(stdout, new RegExp(changed));
    await run(process.execPath, ['--test', 'test/backoff.test.mjs'], { cwd, env: { ...process.env, NODE_TEST_CONTEXT: '' } });
  }
  assert.equal((await ask('wrong')).status, 401);
  assert.equal((await ask('canary-anthropic-0001', 'any-fail-429')).status, 429);
});
