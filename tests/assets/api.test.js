//! The page's calls: who is told the start-up token, and what people read when something goes wrong.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

const DEMO = { mode: 'demo', repo: 'o/r', issue: 1, comment_url: '', start_token: 'start-token-0001' };

/** @type {{url: URL, headers: Record<string, string>}[]} */
let sent;
/** @type {(url: URL) => Response} */
let answer;
let fresh = 0;

/** The module anew, since it asks for `/api/local` only once. @returns {Promise<typeof import('../../assets/api.js')>} */
const api = () => import(`../../assets/api.js?${(fresh += 1)}`);

beforeEach(() => {
  sent = [];
  Object.assign(globalThis, { location: new URL('http://127.0.0.1:8787/') });
  globalThis.fetch = async (input, init) => {
    const url = new URL(String(input));
    sent.push({ url, headers: /** @type {Record<string, string>} */ (init?.headers) });
    return url.pathname === '/api/local' ? Response.json(DEMO) : answer(url);
  };
});

test('the start-up token goes to our own API and nowhere else', async () => {
  answer = () => Response.json({});
  const { comment, stop } = await api();
  await comment(/** @type {any} */ ({ ...DEMO, comment_url: 'http://127.0.0.1:9999/_world/comment' }), 'x');
  await stop('a/b');
  const tokens = sent.map(({ url, headers }) => [url.href, headers['x-porter-start-token']]);
  assert.deepEqual(tokens, [
    ['http://127.0.0.1:8787/api/local', undefined],
    ['http://127.0.0.1:9999/_world/comment', undefined],
    ['http://127.0.0.1:8787/api/tasks/a%2Fb/stop', 'start-token-0001'],
  ]);
});

test('every kind of trouble has words', async () => {
  const table = /** @type {[() => Response, RegExp, string | null][]} */ ([
    [() => Response.json({ error: { code: 'final', message: 'It has ended.', request_id: 'r1' } }, { status: 409 }), /^It has ended\.$/, 'r1'],
    [() => new Response('<html>', { status: 502 }), /status 502/, null],
    [() => Response.json({ error: { message: { nested: 1 } } }, { status: 500 }), /status 500/, null],
    [() => new Response('<html>', { status: 200 }), /cannot read/, null],
    [() => { throw new TypeError('Failed to fetch'); }, /does not answer/, null],
  ]);
  for (const [reply, words, id] of table) {
    answer = reply;
    const { task } = await api();
    const problem = await task('x', new AbortController().signal).then(() => null, (error) => error);
    assert.match(problem?.message, words);
    assert.equal(problem.requestId, id);
  }
});
