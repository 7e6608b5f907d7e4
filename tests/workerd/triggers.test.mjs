// The two other ways in, for real: as a GitHub App with a key of its own, and by polling without any webhook.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { soon } from '../processes.mjs';
import { town } from './town.mjs';

/** What each token may be minted for, by what Porter does with it. */
const least = [
  { metadata: 'read' }, { contents: 'read' }, { issues: 'read' }, { pull_requests: 'read' }, { issues: 'write' }, { pull_requests: 'write' },
  { contents: 'write', pull_requests: 'write' },
].map((permissions) => JSON.stringify(permissions));

test('as an App: every token is for the one repository and one use', { timeout: 180_000 }, async (t) => {
  const here = await town(t, {}, 'app');
  const issue = await here.issue('The test is flaky', 'It fails every now and then.');
  await here.comment(issue, '@porter claude fix the flaky test');
  const task = await here.ended(issue);
  assert.equal(task.status, 'success', `${task.errorMessage}\n${here.logs.porter.slice(-30).join('\n')}`);
  const { minted } = await here.control('record');
  assert.ok(minted.length >= 4, JSON.stringify(minted));
  for (const { repositories: covered, permissions } of minted) {
    assert.deepEqual(covered, ['acme/demo'], JSON.stringify(minted));
    const asked = JSON.stringify(Object.fromEntries(Object.entries(permissions).sort()));
    assert.ok(least.includes(asked) || least.includes(withoutMetadata(permissions)), `a token for ${asked}`);
  }
});

/** GitHub adds the right to read metadata to any other. */
const withoutMetadata = (permissions) => JSON.stringify(Object.fromEntries(Object.entries(permissions).filter(([name]) => name !== 'metadata').sort()));

test('by polling: no webhook and no App', { timeout: 180_000 }, async (t) => {
  const here = await town(t, { PORTER_POLL: 'acme/demo', PORTER_OWNERS: undefined, GITHUB_WEBHOOK_SECRET: undefined });
  const issue = await here.issue('The test is flaky', 'It fails every now and then.');
  const polled = async () => (await here.control('record')).asked.some(({ path }) => path.endsWith('/issues/comments') || path.includes('/repos/acme/demo'));
  await here.control('comment', { repo: 'acme/demo', author: 'alice', issue, body: 'Just talk.' });
  for (let tries = 0; tries < 6 && !await polled(); tries += 1) await soon(polled);
  assert.ok(await polled(), 'the first poll has set the watermark');
  await new Promise((wake) => setTimeout(wake, 1500));
  await here.comment(issue, '@porter claude fix the flaky test');
  const task = await here.ended(issue);
  assert.equal(task.status, 'success', `${task.errorMessage}\n${here.logs.porter.slice(-30).join('\n')}`);
});
