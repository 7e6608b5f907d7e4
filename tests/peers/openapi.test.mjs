// A run of Porter's calls through prism, which holds every request and every answer to GitHub's own OpenAPI description.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createAppAuth } from '@octokit/auth-app';

import { freePort, start, TOKEN, until } from './world.mjs';

const require = createRequire(import.meta.url);
const DESCRIPTION = require.resolve('@octokit/openapi/generated/api.github.com.json');
const PRISM = require.resolve('@stoplight/prism-cli/dist/index.js');
const DEMO = '/repos/acme/demo';

const OURS = /^\/(repos\/\{owner\}\/\{repo\}($|\/(issues|labels|pulls|git|contents|readme|languages|branches|commits|compare|collaborators|installation)\b)|search\/code|rate_limit|users?($|\/\{username\}$)|app($|\/))/;
let world;
let prism;
let proxy;
let folder;

/** GitHub's description with only the paths Porter can touch: prism reads all 13 MB of it far too long. */
function pared() {
  const description = JSON.parse(readFileSync(DESCRIPTION, 'utf8'));
  description.paths = Object.fromEntries(Object.entries(description.paths).filter(([path]) => OURS.test(path)));
  delete description['x-webhooks'];
  const wanted = new Set();
  const collect = (value) => {
    for (const found of JSON.stringify(value).matchAll(/"#\/components\/([\w-]+)\/([^"]+)"/g)) {
      const [, kind, name] = found;
      if (wanted.has(`${kind}/${name}`)) continue;
      wanted.add(`${kind}/${name}`);
      collect(description.components[kind][name]);
    }
  };
  collect(description.paths);
  for (const [kind, members] of Object.entries(description.components)) {
    description.components[kind] = Object.fromEntries(Object.entries(members).filter(([name]) => wanted.has(`${kind}/${name}`)));
  }
  return description;
}

before(async () => {
  world = await start({ app: true });
  const port = await freePort();
  proxy = `http://127.0.0.1:${port}`;
  folder = mkdtempSync(join(tmpdir(), 'porter-openapi-'));
  const file = join(folder, 'github.json');
  writeFileSync(file, JSON.stringify(pared()));
  prism = spawn(process.execPath, [PRISM, 'proxy', '--errors', '-p', String(port), file, world.api], { stdio: 'ignore' });
  const up = () => prism.exitCode === null && fetch(proxy, { signal: AbortSignal.timeout(1000) }).then(() => true, () => false);
  await until(up, 'prism listening', 60_000);
});

after(async () => {
  prism?.kill();
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A call through the proxy; fails on any violation of the description, and unless the status is as expected. */
async function call(method, path, expected, body, { token = TOKEN, accept = 'application/vnd.github+json' } = {}) {
  const answer = await fetch(proxy + path, {
    method,
    redirect: 'manual',
    headers: { accept, authorization: `Bearer ${token}`, 'user-agent': 'porter', 'content-type': 'application/json', 'x-github-api-version': '2022-11-28' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(!text.includes('stoplight.io/prism'), `${method} ${path}: ${text.slice(0, 3000)}`);
  assert.equal(answer.status, expected, `${method} ${path}: ${text.slice(0, 1000)}`);
  return text && accept.includes('json') ? JSON.parse(text) : text;
}

test('the proxy does hold answers and requests to the description', async () => {
  const answer = await fetch(`${proxy}${DEMO}/issues/1/comments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', 'user-agent': 'porter' },
    body: '{"text":"no body"}',
  });
  assert.match(await answer.text(), /stoplight\.io\/prism|UNPROCESSABLE/);
});

test('reading a repository as WRAP does', async () => {
  const repo = await call('GET', DEMO, 200);
  assert.equal(repo.default_branch, 'main');
  await call('GET', '/user', 200);
  await call('GET', '/users/alice', 200);
  await call('GET', '/rate_limit', 200);
  await call('GET', `${DEMO}/languages`, 200);
  await call('GET', `${DEMO}/readme`, 200);
  await call('GET', `${DEMO}/contents/AGENTS.md`, 200);
  await call('GET', `${DEMO}/contents/src`, 200);
  await call('GET', `${DEMO}/contents/nowhere.md`, 404);
  const branch = await call('GET', `${DEMO}/branches/main`, 200);
  await call('GET', `${DEMO}/branches`, 200);
  await call('GET', `${DEMO}/git/trees/${branch.commit.sha}?recursive=1`, 200);
  await call('GET', `${DEMO}/commits/main`, 200);
  await call('GET', `${DEMO}/commits?per_page=5`, 200);
  const found = await call('GET', '/search/code?q=delay+repo:acme/demo', 200);
  assert.ok(found.total_count >= 2);
  const permission = await call('GET', `${DEMO}/collaborators/bob/permission`, 200);
  assert.deepEqual([permission.permission, permission.role_name], ['write', 'write']);
});

test('speaking on an issue: comment, edit, label, react', async () => {
  await call('GET', `${DEMO}/issues?state=all&since=2020-01-01T00:00:00Z`, 200);
  const issue = await call('GET', `${DEMO}/issues/1`, 200);
  assert.match(issue.title, /Flaky/);
  const opened = await call('POST', `${DEMO}/issues`, 201, { title: 'Another', body: 'More to do' });
  await call('PATCH', `${DEMO}/issues/${opened.number}`, 200, { state: 'closed' });
  const comment = await call('POST', `${DEMO}/issues/1/comments`, 201, { body: 'On it. <!-- porter:task=x -->' });
  await call('PATCH', `${DEMO}/issues/comments/${comment.id}`, 200, { body: 'Done.' });
  await call('GET', `${DEMO}/issues/comments/${comment.id}`, 200);
  await call('GET', `${DEMO}/issues/1/comments?per_page=100`, 200);
  await call('GET', `${DEMO}/issues/comments?since=2020-01-01T00:00:00Z&sort=updated`, 200);
  await call('POST', `${DEMO}/labels`, 201, { name: 'porter:queued', color: 'c5def5', description: 'Waiting' });
  await call('POST', `${DEMO}/labels`, 422, { name: 'porter:queued', color: 'c5def5' });
  await call('GET', `${DEMO}/labels`, 200);
  await call('POST', `${DEMO}/issues/1/labels`, 200, { labels: ['porter:queued'] });
  await call('GET', `${DEMO}/issues/1/labels`, 200);
  await call('DELETE', `${DEMO}/issues/1/labels/porter:queued`, 200);
  const reaction = await call('POST', `${DEMO}/issues/comments/${comment.id}/reactions`, 201, { content: 'eyes' });
  await call('POST', `${DEMO}/issues/comments/${comment.id}/reactions`, 200, { content: 'eyes' });
  await call('GET', `${DEMO}/issues/comments/${comment.id}/reactions`, 200);
  await call('DELETE', `${DEMO}/issues/comments/${comment.id}/reactions/${reaction.id}`, 204);
  await call('POST', `${DEMO}/issues/1/reactions`, 201, { content: 'rocket' });
});

test('publishing: blob, tree, commit, ref, pull request, and the refusals', async () => {
  const head = (await call('GET', `${DEMO}/git/ref/heads%2Fmain`, 200)).object.sha;
  const base = (await call('GET', `${DEMO}/git/commits/${head}`, 200)).tree.sha;
  const blob = await call('POST', `${DEMO}/git/blobs`, 201, { content: 'iVBORw==', encoding: 'base64' });
  await call('GET', `${DEMO}/git/blobs/${blob.sha}`, 200);
  const tree = await call('POST', `${DEMO}/git/trees`, 201, { base_tree: base, tree: [
    { path: 'logo.png', mode: '100644', type: 'blob', sha: blob.sha },
    { path: 'src/backoff.mjs', mode: '100644', type: 'blob', content: 'export const delay = () => 1;\n' },
    { path: 'AGENTS.md', mode: '100644', type: 'blob', sha: null },
  ] });
  const commit = await call('POST', `${DEMO}/git/commits`, 201, { message: 'Fix\n\nPorter-Task: x', tree: tree.sha, parents: [head] });
  await call('POST', `${DEMO}/git/refs`, 201, { ref: 'refs/heads/porter/x', sha: commit.sha });
  await call('POST', `${DEMO}/git/refs`, 422, { ref: 'refs/heads/porter/x', sha: commit.sha });
  await call('GET', `${DEMO}/git/matching-refs/heads%2Fporter`, 200);
  await call('GET', `${DEMO}/compare/main...porter%2Fx`, 200);
  const wanted = { title: 'Fix', head: 'porter/x', base: 'main', body: 'Closes #1', draft: false };
  const pull = await call('POST', `${DEMO}/pulls`, 201, wanted);
  await call('POST', `${DEMO}/pulls`, 422, wanted);
  await call('GET', `${DEMO}/pulls?head=acme:porter/x&state=open`, 200);
  await call('GET', `${DEMO}/pulls/${pull.number}`, 200);
  await call('GET', `${DEMO}/pulls/${pull.number}/files`, 200);
  await call('GET', `${DEMO}/pulls/${pull.number}/commits`, 200);
  await call('POST', `${DEMO}/pulls/${pull.number}/requested_reviewers`, 201, { reviewers: ['alice'] });
  await call('POST', `${DEMO}/pulls/${pull.number}/requested_reviewers`, 422, { reviewers: ['mallory'] });
  await call('GET', `${DEMO}/pulls/${pull.number}/requested_reviewers`, 200);
  await world.control('review', { repo: 'acme/demo', author: 'alice', pull: pull.number, state: 'CHANGES_REQUESTED', body: 'Hm' });
  const line = await world.control('line-comment', { repo: 'acme/demo', author: 'bob', pull: pull.number, path: 'src/backoff.mjs', line: 1, body: 'why?' });
  await call('GET', `${DEMO}/pulls/${pull.number}/reviews`, 200);
  await call('GET', `${DEMO}/pulls/${pull.number}/comments`, 200);
  await call('GET', `${DEMO}/pulls/comments?since=2020-01-01T00:00:00Z`, 200);
  await call('POST', `${DEMO}/pulls/${pull.number}/comments/${line.id}/replies`, 201, { body: 'so' });
  await call('POST', `${DEMO}/pulls/comments/${line.id}/reactions`, 201, { content: 'eyes' });
  await call('PATCH', `${DEMO}/git/refs/heads%2Fporter%2Fx`, 422, { sha: head, force: false });
  await call('PATCH', `${DEMO}/pulls/${pull.number}`, 200, { body: 'Closes #1\n\nMore.' });
  await call('PUT', `${DEMO}/pulls/${pull.number}/merge`, 200, {});
  await call('DELETE', `${DEMO}/git/refs/heads%2Fporter%2Fx`, 204);
});

test('the App: itself, its installation, a narrowed token, its deliveries', async () => {
  const auth = createAppAuth({ appId: 4242, privateKey: world.privateKey });
  const { token: jwt } = await auth({ type: 'app' });
  const as = { token: jwt };
  await call('GET', '/app', 200, null, as);
  // Not the list of installations: the description asks its accounts to be a user and an enterprise at once.
  const installation = await call('GET', `${DEMO}/installation`, 200, null, as);
  const repo = await call('GET', DEMO, 200);
  const asked = { repository_ids: [repo.id], permissions: { issues: 'write' } };
  const { token } = await call('POST', `/app/installations/${installation.id}/access_tokens`, 201, asked, as);
  await call('POST', `${DEMO}/issues/1/comments`, 201, { body: 'As the App' }, { token });
  await call('POST', `${DEMO}/git/blobs`, 403, { content: 'x' }, { token });
  const tried = await until(async () => {
    const list = await call('GET', '/app/hook/deliveries', 200, null, as);
    return list.length > 0 && list;
  }, 'a delivery in the log');
  await call('GET', `/app/hook/deliveries/${tried[0].id}`, 200, null, as);
  await call('POST', `/app/hook/deliveries/${tried[0].id}/attempts`, 202, null, as);
});
