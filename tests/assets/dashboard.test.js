//! The dashboard in a real Chromium: what people see and do, on a wide screen and a phone, by light and in the dark.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, afterEach, before as beforeAll, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { StandIn, before, task } from './stand-in.js';

const HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><script>document.body.dataset.hacked=1</script>';
const SHOTS = process.env['SCREENSHOTS'];

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {StandIn} */
let porter;
/** @type {import('playwright-core').Page} */
let page;
/** @type {string[]} */
let complaints;
/** Complaints that a test provokes. @type {RegExp | null} */
let expected;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
});
after(() => browser.close());

beforeEach(async () => {
  porter = await new StandIn().start();
  complaints = [];
  expected = null;
  await newPage({});
});

afterEach(async () => {
  await page.context().close();
  await porter.stop();
  // A missing /api/local is normal away from the start script; the browser mentions every 404.
  const unexpected = complaints.filter((text) => !/\/api\/local\b/.test(text) && !expected?.test(text));
  assert.deepEqual(unexpected, []);
});

/** @param {import('playwright-core').BrowserContextOptions} options */
async function newPage(options) {
  await page?.context().close();
  page = await (await browser.newContext({ baseURL: porter.url, viewport: { width: 1100, height: 800 }, ...options })).newPage();
  page.setDefaultTimeout(10_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
}

/** @param {string} name */
async function shot(name) {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

async function noSidewaysScroll() {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(Number(content) <= Number(view), `${content} px of content in ${view} px`);
  const clipped = await page.evaluate(() =>
    [...document.querySelectorAll('main, main *')]
      .filter((element) => !['INPUT', 'SELECT', 'PROGRESS'].includes(element.tagName) && element.clientWidth > 0)
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => `${element.tagName}.${element.className} ${element.scrollWidth} in ${element.clientWidth}`),
  );
  assert.deepEqual(clipped, []);
}

const USAGE = { calls: 14, inputTokens: 48_210, outputTokens: 6120, cacheReadTokens: null, costMicros: 184_300, model: 'claude-sonnet-4' };
const DONE = {
  id: 'dddddddddddddddddddd', status: 'success', progress: 100, prUrl: 'https://github.com/acme/rocket/pull/31', prNumber: 31,
  branch: 'porter/dddddddddddddddddddd', createdAt: before(4000), startedAt: before(3990), completedAt: before(3810), usage: USAGE,
  promptHash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', readiness: 82,
};

function many() {
  return [
    task({ issueTitle: HOSTILE, createdAt: before(4) }),
    task({ id: 'bbbbbbbbbbbbbbbbbbbb', status: 'running', phase: 'working', progress: 45, agent: 'opencode', issueNumber: 14, issueTitle: 'Count-down skips seven when the clock is set back', createdAt: before(95), startedAt: before(80) }),
    task(DONE),
    task({ id: 'eeeeeeeeeeeeeeeeeeee', status: 'failed', agent: 'codex', issueNumber: 9, issueTitle: 'Support for metric units', errorMessage: 'The agent ended without saying why (exit code 1). See the log, then retry.', createdAt: before(90_000), usage: { ...USAGE, costMicros: 2100 } }),
    task({ id: 'ffffffffffffffffffff', status: 'timed_out', issueNumber: 8, issueTitle: 'Rewrite everything', errorMessage: 'No result after 10 minutes.', createdAt: before(180_000) }),
    task({ id: 'gggggggggggggggggggg', status: 'stopped', issueNumber: 7, issueTitle: 'Typo in the manual', errorMessage: 'Stopped by ada.', createdAt: before(300_000) }),
  ];
}

const STORY = [
  { id: 1, event: 'state', data: { at: before(94), kind: 'accepted', text: 'ada asked for opencode' } },
  { id: 2, event: 'state', data: { at: before(90), kind: 'launched', text: 'Machine started' } },
  { id: 3, event: 'log', data: { at: before(80), level: 'info', text: 'Cloning acme/rocket at 1f3c9e2' } },
  { id: 4, event: 'log', data: { at: before(60), level: 'success', text: 'Read 14 files; the clock is read twice in countdown.rs' } },
  { id: 5, event: 'log', data: { at: before(40), level: 'warning', text: 'Test run took 38 s' } },
  { id: 6, event: 'log', data: { at: before(20), level: 'error', text: HOSTILE } },
];

test('an empty list says what to do first', async () => {
  await page.goto('/');
  await page.getByRole('heading', { name: 'No tasks yet' }).waitFor();
  assert.match(await page.locator('.empty').innerText(), /comment on an issue[^]*@porter opencode/);
  await shot('empty');
  await page.getByRole('link', { name: 'See whether everything is set up.' }).click();
  await page.getByText('Everything Porter needs is there.').waitFor();
  assert.equal(await page.title(), 'Set-up · Porter');
  await page.goBack();
  await page.getByRole('heading', { name: 'No tasks yet' }).waitFor();
});

test('the list shows every state in words, and a stranger\'s title as text', async () => {
  porter.tasks = many();
  await page.goto('/');
  await page.locator('.row').nth(5).waitFor();
  const states = await page.locator('.row .pill').allInnerTexts();
  assert.deepEqual(states, ['Queued', 'Running', 'Success', 'Failed', 'Timed out', 'Stopped']);
  assert.equal(await page.locator('.row-title').first().innerText(), HOSTILE);
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.equal(await page.evaluate(() => document.body.dataset['hacked']), undefined);
  const time = page.locator('.row time').nth(2);
  assert.equal(await time.innerText(), '1 hour ago');
  assert.match((await time.getAttribute('title')) ?? '', /20\d\d/);
  await shot('list');
});

test('the list filters by state and comes up to date by itself', async () => {
  porter.tasks = many();
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Filter by state' }).getByRole('link', { name: 'Running' }).click();
  await page.waitForURL('**/?status=running');
  await page.locator('.row').waitFor();
  assert.deepEqual(await page.locator('.row-title').allInnerTexts(), ['Count-down skips seven when the clock is set back']);
  await page.locator('.row').focus();
  porter.tasks[1] = task({ ...porter.tasks[1], progress: 80, phase: 'collecting' });
  await page.getByText('collecting changes').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'row', 'focus survives the refresh');
  porter.tasks = [];
  await page.getByText('No task is running now.').waitFor();
});

test('older tasks come on request', async () => {
  porter.tasks = many();
  porter.cursor = 'c1';
  await page.goto('/');
  await page.getByRole('button', { name: 'Show older tasks' }).click();
  await page.locator('.row').nth(5).waitFor();
  await page.getByRole('button', { name: 'Show older tasks' }).waitFor({ state: 'detached' });
});

test('a finished task shows its pull request, its cost and its prompt', async () => {
  porter.tasks = many();
  porter.events[DONE.id] = STORY;
  await page.goto(`/tasks/${DONE.id}`);
  const link = page.getByRole('link', { name: 'Pull request #31' });
  assert.equal(await link.getAttribute('href'), DONE.prUrl);
  const facts = await page.locator('.facts').innerText();
  for (const fact of ['48,210', '6,120', '$0.18', '82 of 100', '9f86d081884c', 'claude-sonnet-4', '3 min 0 s', '–']) {
    assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  }
  await page.getByText('Machine started').waitFor();
  await page.locator('.log li').nth(3).waitFor();
  assert.equal(await page.locator('.log .text').nth(3).innerText(), HOSTILE);
  assert.equal(await page.evaluate(() => document.body.dataset['hacked']), undefined);
  await shot('task-done');
});

test('an address that is not a web page never becomes a link', async () => {
  porter.tasks = [task({ ...DONE, prUrl: 'javascript:document.body.dataset.hacked=1' })];
  await page.goto(`/tasks/${DONE.id}`);
  await page.getByText('Pull request #31').waitFor();
  assert.equal(await page.locator('.result a').count(), 0);
});

test('a running task is followed line by line, over a broken stream, without a line twice', async () => {
  porter.tasks = many();
  const id = 'bbbbbbbbbbbbbbbbbbbb';
  porter.events[id] = STORY.slice(0, 4);
  porter.breaking = 2;
  await page.goto(`/tasks/${id}`);
  await page.locator('.log li').nth(1).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  porter.events[id].push({ id: 7, event: 'log', data: { at: before(0), level: 'info', text: 'And one more' } });
  await page.getByText('And one more').waitFor();
  assert.equal(await page.locator('.log li').count(), 3);
  assert.equal(await page.locator('.events li').count(), 2);
  const resumed = porter.requests('GET', `/api/tasks/${id}/events`).map((asked) => asked.headers['last-event-id']);
  assert.deepEqual(resumed, [undefined, '4', '4']);
  await shot('task-running');
  porter.tasks[1] = task({ ...porter.tasks[1], status: 'failed', errorMessage: 'The agent gave up.' });
  porter.events[id].push({ id: 8, event: 'state', data: { at: before(0), kind: 'failed', text: 'The agent gave up' } });
  await page.getByRole('button', { name: 'Retry' }).waitFor();
});

test('stop asks first, then stops; retry leads to the new task', async () => {
  porter.local = { mode: 'real', repo: 'acme/rocket', issue: 12, comment_url: '', start_token: 'start-token-0001' };
  porter.tasks = [task({ status: 'running', phase: 'working', progress: 30, startedAt: before(20) })];
  const id = porter.tasks[0]?.id;
  await page.goto(`/tasks/${id}`);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Keep it running' }).click();
  assert.equal(porter.requests('POST', `/api/tasks/${id}/stop`).length, 0);
  await page.getByRole('button', { name: 'Stop' }).click();
  await shot('task-stop');
  await page.getByRole('button', { name: 'Stop it' }).click();
  await page.getByText('Stopped by ada.').waitFor();
  const [stop] = porter.requests('POST', `/api/tasks/${id}/stop`);
  assert.equal(stop?.headers['x-porter-start-token'], 'start-token-0001');
  assert.equal(stop?.headers['content-type'], 'application/json');
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.waitForURL('**/tasks/rrrrrrrrrrrrrrrrrrrr');
  assert.equal(await page.getByRole('link', { name: id }).getAttribute('href'), `/tasks/${id}`);
});

test('what goes wrong is said in words with the request\'s id, and heals by itself', async () => {
  expected = /503/;
  porter.trouble = { status: 503, body: { error: { code: 'busy', message: 'The database is busy. Try again soon.', request_id: 'req-77' } } };
  await page.goto('/');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /The database is busy\. Try again soon\.\s+Request req-77/);
  await shot('trouble');
  porter.trouble = null;
  porter.tasks = many();
  await page.locator('.row').nth(5).waitFor();
  assert.equal(await alert.count(), 0);
  await page.goto('/tasks/bbbbbbbbbbbbbbbbbbbb');
  await page.getByText('the agent is working').waitFor();
  porter.trouble = { status: 503, body: {} };
  await page.getByText('The task cannot be read right now.').waitFor();
  porter.trouble = null;
  await alert.waitFor({ state: 'detached' });
});

test('a task that does not exist is named as such', async () => {
  expected = /404/;
  await page.goto('/tasks/nope');
  await page.getByText('There is no such task.').waitFor();
});

test('set-up names what is missing and what to do', async () => {
  expected = /503/;
  porter.checkStatus = 503;
  porter.check = {
    ok: false,
    checks: [
      { name: 'Database', ok: true, detail: 'Migrated to 0003.', remedy: null },
      { name: 'Model key', ok: false, detail: 'No provider key is set.', remedy: /** @type {any} */ ('Set ANTHROPIC_API_KEY and start again.') },
    ],
  };
  await page.goto('/setup');
  await page.getByText('One thing is missing.').waitFor();
  assert.match(await page.locator('.check').first().innerText(), /Missing\s+Model key\s+No provider key is set\.\s+Set ANTHROPIC_API_KEY/);
  await shot('setup');
});

test('the demo says what is real and writes the comment', async () => {
  porter.local = { mode: 'demo', repo: 'demo/rocket', issue: 1, comment_url: '/api/local/comment', start_token: 'start-token-0001' };
  await page.goto('/');
  await page.getByText('Demo: the repository demo/rocket and the model are stand-ins').waitFor();
  await page.getByText('Write the comment above.').waitFor();
  await page.getByLabel('Comment on issue #1 of demo/rocket').fill('@porter claude fix it');
  await shot('demo');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await page.getByText('Written. Porter hears of it').waitFor();
  const [written] = porter.requests('POST', '/api/local/comment');
  assert.deepEqual(JSON.parse(written?.body ?? ''), { body: '@porter claude fix it' });
  assert.equal(written?.headers['x-porter-start-token'], 'start-token-0001');
});

test('away from the start script there is no demo', async () => {
  porter.tasks = many();
  await page.goto('/');
  await page.locator('.row').first().waitFor();
  assert.equal(await page.locator('form').count(), 0);
  assert.equal(await page.locator('#mode').isHidden(), true);
});

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`on a phone nothing is cut off (${colorScheme})`, async () => {
    await newPage({ viewport: { width: 375, height: 740 }, colorScheme, hasTouch: true, isMobile: true });
    porter.tasks = many();
    porter.tasks[4] = task({ ...porter.tasks[4], issueTitle: 'x'.repeat(300) });
    porter.events[DONE.id] = [...STORY, { id: 7, event: 'log', data: { at: before(1), level: 'info', text: 'y'.repeat(400) } }];
    porter.local = { mode: 'demo', repo: 'demo/rocket', issue: 1, comment_url: '/api/local/comment', start_token: 't' };
    await page.goto('/');
    await page.locator('.demo').waitFor();
    await page.locator('.row').nth(5).waitFor();
    await noSidewaysScroll();
    await shot(`phone-list-${colorScheme}`);
    await page.goto(`/tasks/${DONE.id}`);
    await page.locator('.log li').nth(4).waitFor();
    await noSidewaysScroll();
    await shot(`phone-task-${colorScheme}`);
    await page.goto('/setup');
    await page.locator('.check').first().waitFor();
    await noSidewaysScroll();
    await page.goto('/');
    await page.getByRole('combobox', { name: 'State' }).selectOption('failed');
    await page.waitForURL('**/?status=failed');
  });
}

test('text has enough contrast by light and in the dark', async () => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await newPage({ colorScheme });
    porter.tasks = many();
    await page.goto('/');
    await page.locator('.row').nth(5).waitFor();
    await shot(`list-${colorScheme}`);
    const weak = await page.evaluate(weakTexts);
    assert.deepEqual(weak, [], colorScheme);
  }
});

/** Runs in the page: the texts whose contrast with their background is below 4.5 to 1. */
function weakTexts() {
  /** @param {string} color */
  const parts = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  /** @param {number[]} rgb */
  const light = (rgb) => {
    const [r = 0, g = 0, b = 0] = rgb.map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  /** @param {Element | null} element @returns {number[]} */
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const color = parts(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? ground(element.parentElement) : color.slice(0, 3);
  };
  const texts = [...document.querySelectorAll('body *')].filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()));
  return texts.flatMap((element) => {
    const [a, b] = [light(parts(getComputedStyle(element).color).slice(0, 3)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [`${element.className || element.tagName}: ${ratio.toFixed(2)}`] : [];
  });
}

test('the keyboard reaches everything', async () => {
  porter.tasks = many().slice(0, 2);
  await page.goto('/');
  await page.locator('.row').nth(1).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  for (let step = 0; step < 20; step += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement?.className === 'row')) break;
  }
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
});

test('the content policy is in force', async () => {
  expected = /Content Security Policy|Refused/;
  await page.goto('/');
  const outcome = await page.evaluate(async () => {
    const script = document.createElement('script');
    script.textContent = 'document.body.dataset.inline = 1';
    document.body.append(script);
    const elsewhere = await fetch('http://127.0.0.1:9/').then(() => 'reached', (error) => String(error));
    return { inline: document.body.dataset['inline'], elsewhere };
  });
  assert.equal(outcome.inline, undefined);
  assert.match(outcome.elsewhere, /Failed to fetch/);
  assert.ok(complaints.some((text) => /connect-src/.test(text)), 'the policy, not the network, refused it');
  assert.ok(complaints.some((text) => /script-src/.test(text)));
});
