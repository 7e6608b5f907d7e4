// Cron comes by itself, one at a time, and a failure does not end it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { fireCron } from '../../scripts/cron.mjs';

test('it fires again and again, never two at once, and says what failed', async (t) => {
  let [times, now, most] = [0, 0, 0];
  const server = createServer(async (request, response) => {
    assert.equal(request.url, '/cdn-cgi/handler/scheduled?cron=*+*+*+*+*');
    most = Math.max(most, now += 1);
    times += 1;
    await new Promise((wake) => setTimeout(wake, 60));
    now -= 1;
    response.writeHead(times === 1 ? 500 : 200).end(times === 1 ? 'exception' : 'ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections() ?? server.close());
  const said = [];
  const timer = fireCron(`http://127.0.0.1:${server.address().port}`, 20, (line) => said.push(line));
  t.after(() => clearInterval(timer));
  while (times < 4) await new Promise((wake) => setTimeout(wake, 10));
  assert.equal(most, 1);
  assert.deepEqual(said, ['cron: 500 exception']);
});
