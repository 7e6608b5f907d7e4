// A server between Porter and one of its peers. It passes calls on, and does to the ones that a rule names what a network can
// do: hold them open before or after the work, lose the answer, refuse, or answer something else.

import { once } from 'node:events';
import { Agent, createServer, request as send } from 'node:http';

/**
 * @typedef {{method: string, path: string, body: string, status?: number}} Call `status` is the peer's; none when it was never asked.
 * @typedef {'hold before' | 'hold after' | 'lose' | 'refuse' | 'change'} Fate `change` gives the answer's text to the rule's `change`.
 */

/** Starts one in front of `target`, a root without a trailing slash. */
export async function between(t, target) {
  const agent = new Agent({ keepAlive: true });
  /** @type {Call[]} */
  const calls = [];
  const rules = [];

  /** Sends a call on, whatever becomes of whoever made it. */
  function pass(call, headers) {
    return new Promise((done, failed) => {
      const upstream = send(target + call.path, { method: call.method, headers, agent }, async (answer) => {
        const body = Buffer.concat(await answer.toArray().catch(() => []));
        call.status = answer.statusCode;
        done({ status: answer.statusCode, headers: answer.rawHeaders, body });
      });
      upstream.on('error', failed).end(call.body);
    });
  }

  async function handle(request, response) {
    const body = Buffer.concat(await request.toArray()).toString();
    const call = { method: request.method, path: request.url, body };
    calls.push(call);
    const rule = rules.find((one) => one.left > 0 && one.fits(call));
    if (rule) rule.left -= 1;
    if (rule?.fate === 'refuse') {
      rule.hit(call);
      return response.writeHead(503, { 'content-type': 'application/json' }).end('{"message":"Server Error","error":"unavailable"}');
    }
    const gone = once(response, 'close');
    if (rule?.fate === 'hold before') {
      rule.hit(call);
      return gone;
    }
    const { host: _, connection: __, ...headers } = request.headers;
    const answer = await pass(call, headers);
    if (rule?.fate === 'hold after') {
      rule.hit(call);
      return gone;
    }
    if (rule?.fate === 'lose') {
      request.socket.destroy();
      return rule.hit(call);
    }
    if (rule?.fate === 'change') {
      rule.hit(call);
      return response.writeHead(answer.status, { 'content-type': 'application/json' }).end(rule.change(answer.body.toString()));
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  const server = createServer((request, response) => handle(request, response).catch(() => request.socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    calls,
    /** From now on the next `times` calls that fit meet this fate. @param {{fits: (call: Call) => boolean, fate: Fate, times?: number, change?: (text: string) => string}} rule */
    rule({ fits, fate, times = 1, change }) {
      const rule = { fits, fate, change, left: times, hits: [] };
      rule.reached = new Promise((reached) => {
        rule.hit = (call) => { rule.hits.push(call); reached(call); };
      });
      rules.push(rule);
      return rule;
    },
    /** From now on everything passes. */
    heal() {
      rules.length = 0;
    },
  };
}
