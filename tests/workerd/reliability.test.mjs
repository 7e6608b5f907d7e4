// Nothing is lost and nothing happens twice, on the real runtime: kills, lost answers, ticks at once, the same delivery again and
// again, a while without cron. The stand-in GitHub tells what people see; the servers in between tell what Porter asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isStatus, pause, signed, village, within } from './village.mjs';

/** The one end that a command has: a task, a status comment and nothing besides, a pull request, a label, no machine. */
async function assertDoneOnce(here, places) {
  const [tasks, seen] = [await here.tasks(), await here.seen()];
  for (const { name, repo, issue } of places) {
    const own = tasks.filter(({ repoName }) => repoName === name);
    assert.deepEqual(own.map(({ status }) => status), ['success'], `${name}: ${JSON.stringify(own)}`);
    const { issues } = seen.get(repo);
    const { comments, labels } = issues.find(({ number }) => number === issue);
    const ours = comments.filter(({ author }) => author === 'porter-bot');
    assert.deepEqual(ours.map(isStatus), [true], `${name}: ${JSON.stringify(ours)}`);
    assert.deepEqual(labels, ['porter:done'], name);
    const pulls = issues.filter(({ pull }) => pull);
    assert.deepEqual(pulls.map(({ number, pull }) => [number, pull.commits]), [[own[0].prNumber, 1]], name);
    assert.equal(here.host.madeFor(own[0].id).length, 1, `${name}: machines made`);
  }
  assert.deepEqual(here.host.alive(), []);
}

/** Whether so many tasks have ended and nothing is left to do. */
const allDone = (here, count) => async () => {
  const tasks = await here.tasks();
  return tasks.length === count && tasks.every(({ status }) => !['queued', 'running'].includes(status)) && !(await here.effects()).pending;
};

const tail = (here) => here.worker.log.slice(-30).join('\n');

/** The calls of the main job at which the Worker is killed. */
const cuts = {
  'permission': ['GET', /\/collaborators\/[^/]+\/permission$/],
  'comment': ['POST', /\/issues\/\d+\/comments$/],
  'machine': ['POST', /\/machines$/],
  'tree': ['POST', /\/git\/trees$/],
  'commit': ['POST', /\/git\/commits$/],
  'ref': ['POST', /\/git\/refs$/],
  'pull': ['POST', /\/pulls$/],
  'edit': ['PATCH', /\/issues\/comments\/\d+$/],
  'label': ['POST', /\/issues\/\d+\/labels$/],
  'destroy': ['DELETE', /\/machines\/\w+\?/],
};

test('killed while calls are open, it comes to the same end', { timeout: 150_000 }, async (t) => {
  const here = await village(t);
  here.host.lingers = true;
  await here.open();
  const [places, rules] = [[], []];
  for (const [what, [method, pattern]] of Object.entries(cuts)) {
    for (const when of ['before', 'after']) {
      const place = await here.place(`${what}-${when}`);
      const fits = (call) => call.method === method && pattern.test(call.path) && here.concerns(place.repo, call);
      rules.push(...[here.github, here.fly].map((between) => between.rule({ fits, fate: `hold ${when}`, times: Infinity })));
      places.push(place);
    }
  }
  for (const place of places) await here.comment(place);
  const open = () => rules.filter(({ hits }) => hits.length > 0).length;
  // A tick may itself be held, so nobody waits for it.
  const all = await within(40, () => { void here.tick().catch(() => {}); return open() === places.length; }, 1000);
  assert.ok(all, `${open()} of ${places.length} calls are open`);
  const unfinished = (await here.tasks()).filter(({ status }) => status === 'running' || status === 'queued');
  await here.kill();
  assert.ok(unfinished.length >= 10, `${unfinished.length} tasks were in the middle`);
  here.github.heal();
  here.fly.heal();
  await here.open();
  assert.ok(await here.ticking(90, allDone(here, places.length), 1000), tail(here));
  await assertDoneOnce(here, places);
});

/** A call without what differs from run to run. */
const shape = ({ method, path }) => `${method} ${path.replace(/\?.*/, '').replace(/\/repos\/[^/]+\/[^/]+/, '').replace(/machines\/\w+/, 'machines/ID').replace(/labels\/.+/, 'labels/NAME').replace(/\d+/g, 'N')}`;

test('each answer lost in turn, and all of them, and everything is there once', { timeout: 120_000 }, async (t) => {
  const here = await village(t);
  here.host.lingers = true;
  await here.open();
  const first = await here.place('first');
  await here.comment(first);
  assert.ok(await here.ticking(30, allDone(here, 1)), tail(here));
  const shapes = [...new Set([...here.github.calls, ...here.fly.calls].filter(({ method }) => method !== 'GET').map(shape))];
  t.diagnostic(`calls that change something: ${shapes.join(', ')}`);
  assert.ok(shapes.length >= 12, shapes.join());
  const [places, rules] = [[first], []];
  const lose = (place, which) => {
    const fits = (call) => shape(call) === which && here.concerns(place.repo, call);
    const between = which.includes('/machines') ? here.fly : here.github;
    rules.push({ which, ...between.rule({ fits, fate: 'lose' }) });
  };
  for (const [index, which] of shapes.entries()) {
    const place = await here.place(`lost-${index}`);
    lose(place, which);
    places.push(place);
  }
  const unlucky = await here.place('lost-all');
  for (const which of shapes) lose(unlucky, which);
  places.push(unlucky);
  for (const place of places.slice(1)) await here.comment(place);
  assert.ok(await here.ticking(80, allDone(here, places.length)), tail(here));
  // A label that is shown late enough takes no other's place.
  const always = rules.filter(({ which }) => !which.startsWith('DELETE') || which.includes('/machines'));
  for (const { which, hits } of always) assert.equal(hits.length, 1, `${which} was not lost`);
  await assertDoneOnce(here, places);
});

test('two ticks at once, and ten, do everything once', { timeout: 90_000 }, async (t) => {
  const here = await village(t);
  await here.open();
  const places = [];
  for (const ticks of [2, 10]) {
    const fresh = [];
    for (let index = 0; index < 5; index += 1) fresh.push(await here.place(`ticks-${ticks}-${index}`));
    const refused = here.github.rule({ fits: ({ path }) => path.includes('/repos/'), fate: 'refuse', times: Infinity });
    for (const place of fresh) await here.comment(place);
    assert.ok(await within(10, () => refused.hits.length >= fresh.length), 'GitHub refuses what is asked after the answers');
    // The first pause after a failure is two seconds.
    await pause(2500);
    here.github.heal();
    here.github.calls.length = 0;
    here.fly.calls.length = 0;
    places.push(...fresh);
    const together = () => Promise.all(Array.from({ length: ticks }, () => here.tick()));
    assert.ok(await within(40, async () => {
      for (const answer of await together()) assert.equal(answer.status, 200);
      return allDone(here, places.length)();
    }), tail(here));
    await assertDoneOnce(here, places);
    for (const { repo } of fresh) {
      const asked = [...here.github.calls, ...here.fly.calls].filter((call) => here.concerns(repo, call));
      for (const [, [method, pattern]] of Object.entries(cuts).filter(([what]) => ['comment', 'machine', 'tree', 'commit', 'ref', 'pull', 'destroy'].includes(what))) {
        const same = asked.filter((call) => call.method === method && pattern.test(call.path));
        assert.equal(same.length, 1, `${ticks} ticks: ${method} ${pattern}: ${JSON.stringify(same)}`);
      }
    }
  }
});

test('200 deliveries of one comment at once are one task', { timeout: 60_000 }, async (t) => {
  const here = await village(t, { by: 'mail' });
  await here.open();
  const places = [await here.place('same-id'), await here.place('other-ids')];
  for (const place of places) await here.comment(place);
  const letters = await here.letters(2);
  const ids = [() => undefined, (index) => `other-${index}`];
  for (const [which, letter] of letters.entries()) {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => here.deliver(letter, { id: ids[which](index) })));
    const accepted = answers.filter(({ status }) => status === 202);
    assert.equal(accepted.length, 1, `accepted as ${places[which].name}`);
    assert.match(accepted[0].body.task_id, /^[a-z0-9]{20,26}$/);
    assert.deepEqual(answers.filter(({ status }) => status !== 202 && status !== 200), []);
  }
  assert.ok(await here.ticking(30, allDone(here, 2)), tail(here));
  await assertDoneOnce(here, places);

  await t.test('whose batches have left nothing of what came before the conflict', () => {
    // Each of the 199 wrote its delivery first and then found the comment taken.
    const known = here.rows('SELECT id FROM deliveries');
    assert.equal(known.length, 2, JSON.stringify(known));
    assert.equal(here.rows('SELECT * FROM commands').length, 2);
    assert.equal(here.rows('SELECT * FROM tasks').length, 2);
    assert.deepEqual(here.rows("SELECT task_id FROM task_events WHERE kind = 'accepted'").length, 2);
  });
});

test('numbers and truth values come back from the database as they went in', { timeout: 60_000 }, async (t) => {
  const here = await village(t, { by: 'mail' });
  await here.open();
  const largest = Number.MAX_SAFE_INTEGER;
  const preference = { '.porter/config.json': '{"agent":"codex"}' };
  const [named, byDefault, odd] = [await here.place('named', preference), await here.place('by-default', preference), await here.place('odd')];
  await here.comment(named, '@porter claude do it');
  await here.comment(byDefault, '@porter do it');
  await here.comment(odd);
  const letters = await here.letters(3);
  const letterOf = ({ repo }) => letters.find(({ body }) => JSON.parse(body).repository.full_name === repo);
  /** A letter with other numbers, signed anew. */
  const renumbered = (letter, change) => {
    const event = JSON.parse(letter.body);
    change(event);
    const body = JSON.stringify(event);
    return { headers: { ...letter.headers, 'x-github-delivery': `renumbered-${renumbered.count = (renumbered.count ?? 0) + 1}`, 'x-hub-signature-256': signed(body) }, body };
  };
  // GitHub says the same number of the person: were one bit of it lost in the database, the command would be denied.
  for (const { repo } of [named, byDefault]) {
    here.github.rule({
      fits: ({ path }) => path.includes(`/repos/${repo}/collaborators/`), fate: 'change', times: Infinity,
      change: (text) => JSON.stringify({ ...JSON.parse(text), user: { ...JSON.parse(text).user, id: largest } }),
    });
    const large = renumbered(letterOf({ repo }), (event) => {
      event.comment.id = repo === named.repo ? largest : largest - 1;
      event.comment.user.id = event.sender.id = event.repository.id = largest;
    });
    assert.equal((await here.deliver(large)).status, 202);
    assert.equal((await here.deliver(large, { id: 'once more' })).status, 200);
  }
  for (const id of [0, -1, 1]) {
    const small = renumbered(letterOf(odd), (event) => { event.comment.id = id; });
    assert.equal((await here.deliver(small)).status, 202, `comment ${id}`);
    assert.equal((await here.deliver(small, { id: `once more ${id}` })).status, 200, `comment ${id} once more`);
  }
  assert.ok(await here.ticking(50, allDone(here, 5)), tail(here));
  assert.deepEqual([...new Set((await here.tasks()).map(({ status }) => status))], ['success']);
  const agents = [...here.host.machines.values()].map(({ config: { env } }) => [env.REPO_FULL_NAME, env.AGENT]);
  assert.deepEqual(agents.filter(([repo]) => repo !== odd.repo).sort(), [[byDefault.repo, 'codex'], [named.repo, 'claude']]);
  const big = BigInt(largest);
  assert.deepEqual(here.rows('SELECT repo_id, text_id FROM commands WHERE repo_id = ? ORDER BY text_id', big).map((row) => ({ ...row })), [
    { repo_id: big, text_id: big - 1n }, { repo_id: big, text_id: big },
  ]);
  assert.deepEqual(here.rows('SELECT text_id FROM commands WHERE repo_id <> ? ORDER BY text_id', big).map(({ text_id }) => text_id), [-1n, 0n, 1n]);
  assert.deepEqual(here.rows('SELECT asker_id, agent_named FROM tasks WHERE repo_id = ? ORDER BY agent_named', big).map((row) => ({ ...row })), [
    { asker_id: big, agent_named: 0n }, { asker_id: big, agent_named: 1n },
  ]);
});

test('what became overdue while nothing ran ends at the first tick', { timeout: 90_000 }, async (t) => {
  const here = await village(t, { settings: { LAUNCH_TIMEOUT_S: '4', HEARTBEAT_TIMEOUT_S: '4', TASK_TIMEOUT_S: '8', MAX_RETRIES: '0' } });
  here.host.behaviour = ({ config }) => config.env.REPO_FULL_NAME.replace('acme/', '');
  await here.open();
  const places = [];
  for (const behaviour of ['absent', 'silent', 'endless']) places.push(await here.place(behaviour));
  for (const place of places) await here.comment(place);
  const standing = async () => (await here.tasks()).map(({ repoName, state }) => `${repoName} ${state}`).sort().join();
  assert.ok(await within(40, async () => await standing() === 'absent launching,endless running,silent running'), await standing());
  await here.kill();
  await pause(9000);
  await here.open();
  assert.equal((await here.tick()).status, 200);
  const ends = (await here.tasks()).map(({ repoName, status }) => `${repoName} ${status}`).sort();
  assert.deepEqual(ends, ['absent timed_out', 'endless timed_out', 'silent timed_out']);
  const seen = await here.seen();
  for (const { repo, author } of places) {
    const ours = seen.get(repo).issues[0].comments.filter((one) => one.author === 'porter-bot');
    assert.deepEqual(ours.map(isStatus), [true, false], repo);
    assert.ok(ours[1].body.includes(`@${author}`), ours[1].body);
  }
  assert.ok(await here.ticking(20, () => here.host.alive().length === 0), 'machines are left');
});
