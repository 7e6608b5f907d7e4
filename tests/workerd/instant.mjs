// Machine host and runner in one, in this process: the Fly Machines API as Porter uses it, and machines that do their work at
// once, over the same wire as the real runner. For tests of Porter itself, to which a real machine would add nothing but time.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * What a machine does: `instant` claims, reports once and hands a change over; `absent` never calls; `silent` claims and says
 * nothing more; `endless` reports and never comes to an end.
 * @typedef {'instant' | 'absent' | 'silent' | 'endless'} Behaviour
 */

/** Numbers from 0 to 1 that are the same in every run. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** What the host answers on a bad day, in turn: refused before the work, failed after it, too many requests. */
const errors = [{ status: 503, done: false }, { status: 500, done: true }, { status: 429, done: false }];

/**
 * Starts a host. `trouble.errors` and `trouble.lost` are the shares of calls that fail and whose answers are lost; with `lingers` a
 * machine whose program has ended stays until it is destroyed.
 */
export async function instantHost(t, { token, app = 'porter-tests', seed = 1 }) {
  const roll = dice(seed);
  const machines = new Map();
  const host = { url: '', machines, trouble: { errors: 0, lost: 0 }, met: { calls: 0, errors: 0, lost: 0 }, behaviour: () => 'instant', lingers: false, alive, madeFor, claimed };

  function alive() {
    return [...machines.values()].filter(({ state }) => state !== 'destroyed');
  }

  /** Every machine ever made for a task. */
  function madeFor(task) {
    return [...machines.values()].filter(({ config }) => config.metadata.porter_task === task);
  }

  /** Every machine that was ever given a job. */
  function claimed() {
    return [...machines.values()].filter((machine) => machine.claimed);
  }

  function end(machine, exit_code, state = 'destroyed') {
    if (machine.state === 'destroyed') return;
    machine.state = state;
    machine.events.push({ type: 'exit', timestamp: Date.now(), request: { exit_event: { exit_code, oom_killed: false, requested_stop: exit_code !== 0 } } });
  }

  const shown = ({ id, name, state, config, events }) => ({ id, name, state, region: 'local', config, events });

  /** Carries a call out: status and body. */
  function carryOut(method, url, body) {
    const [, , , named, , id] = url.pathname.split('/');
    if (named !== app) return [404, { error: `app not found: ${named}` }];
    if (id === undefined && method === 'POST') return make(JSON.parse(body));
    if (id === undefined && method === 'GET') {
      const filters = [...url.searchParams].filter(([key]) => key.startsWith('metadata.'));
      return [200, alive().filter(({ config }) => filters.every(([key, value]) => config.metadata[key.slice(9)] === value)).map(shown)];
    }
    const machine = machines.get(id);
    if (!machine) return [404, { error: `not_found: machine ${id}` }];
    if (method === 'GET') return [200, shown(machine)];
    if (method === 'DELETE') {
      end(machine, 137);
      return [200, { ok: true }];
    }
    return [405, { error: 'method not allowed' }];
  }

  function make({ name, config }) {
    const other = alive().find((one) => one.name === name);
    if (other) return [409, { error: `already_exists: unique machine name violation, machine ID ${other.id} already exists with name "${name}"` }];
    const machine = { id: randomUUID().replaceAll('-', '').slice(0, 14), name, state: 'started', config, events: [] };
    machines.set(machine.id, machine);
    setImmediate(() => run(machine, host.behaviour(machine)).catch((error) => { machine.failed = error; }));
    return [200, shown(machine)];
  }

  /** The runner in the machine. @param {Behaviour} behaviour */
  async function run(machine, behaviour) {
    if (behaviour === 'absent') return;
    const { TASK_ID, ATTEMPT, CALLBACK_URL, CLAIM_TOKEN, REPO_FULL_NAME } = machine.config.env;
    const own = { task_id: TASK_ID, attempt: Number(ATTEMPT) };
    /** The same bytes until they are answered, as the protocol has it; null once the machine is gone or turned away. */
    const say = async (what, bearer, words) => {
      const body = JSON.stringify({ ...own, ...words });
      for (let wait = 100; machine.state === 'started'; wait = Math.min(wait * 2, 3000)) {
        const answer = await fetch(`${CALLBACK_URL}/${what}`, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body })
          .then(async (got) => ({ status: got.status, after: Number(got.headers.get('retry-after')), body: await got.json() }), () => ({ status: 0, after: 0 }));
        if (answer.status === 200) return answer.body;
        if (answer.status !== 0 && answer.status !== 429 && answer.status < 500) return null;
        await pause(Math.max(wait, answer.after * 1000));
      }
      return null;
    };
    const job = await say('start', CLAIM_TOKEN, { boot_id: randomUUID(), runner: { version: 'instant', os: 'none', isolation: 'off' } });
    // Turned away: what the real runner does is to exit at once.
    if (!job) return end(machine, 0);
    machine.claimed = true;
    if (behaviour === 'silent') return;
    const usage = { calls: 1, input_tokens: 100, output_tokens: 10, cache_read_tokens: 0, cost_micros: 42, model: 'instant' };
    for (let seq = 1; ; seq += 1) {
      const line = { at: new Date().toISOString(), level: 'info', text: `Report ${seq}` };
      const told = await say('events', job.session_token, { seq, phase: 'working', progress: 40, lines: [line], usage });
      if (!told || told.stop || behaviour === 'instant') break;
      await pause(500);
    }
    if (behaviour === 'endless') return;
    const { base_sha } = job.repository;
    const file = { path: `changes/${TASK_ID}.md`, mode: '100644', encoding: 'utf-8', content: `What ${REPO_FULL_NAME} asked for.\n` };
    machine.answer = await say('complete', job.session_token, {
      outcome: 'changes', reason: null, summary: 'Changed what was asked for.', usage, change_set: { base_sha, message: 'Change what was asked for', files: [file] },
    });
    end(machine, 0, host.lingers ? 'stopped' : 'destroyed');
  }

  async function handle(request, response) {
    const body = Buffer.concat(await request.toArray()).toString();
    const reply = (status, value, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    if (request.headers.authorization !== `Bearer ${token}`) return reply(401, { error: 'unauthorized' });
    const luck = roll();
    host.met.calls += 1;
    const bad = luck < host.trouble.errors ? errors[host.met.errors++ % errors.length] : null;
    if (bad && !bad.done) return reply(bad.status, { error: 'unavailable on purpose' }, bad.status === 429 ? { 'retry-after': '1' } : {});
    const [status, value] = carryOut(request.method, new URL(request.url, 'http://host'), body);
    if (bad) return reply(bad.status, { error: 'failed on purpose: it was done nevertheless' });
    if (luck > 1 - host.trouble.lost) {
      host.met.lost += 1;
      return request.socket.destroy();
    }
    return reply(status, value);
  }

  const server = createServer((request, response) => handle(request, response).catch(() => request.socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host.url = `http://127.0.0.1:${server.address().port}`;
  t.after(() => {
    for (const machine of alive()) end(machine, 137);
    server.close();
    server.closeAllConnections();
  });
  return host;
}
