// Runs the built Worker alone on the real runtime: `npm run worker -- --port N --state DIR`. This process starts workerd,
// migrates its database and fires cron; requests go to workerd itself (docs/decisions/0001-local-runtime.md).

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { built, root } from './places.mjs';
import { fireCron } from './cron.mjs';
import { migrate } from './migrate.mjs';
import { address, runtimeOptions } from './runtime.mjs';
import { settingNames } from './settings.mjs';
import { main, trouble } from './steps.mjs';

const usage = `npm run worker -- --port N --state DIR [--cron-every SECONDS | --no-cron]

Runs the built Worker (npm run build) alone at http://127.0.0.1:N. Its database is in DIR: made and migrated when missing, kept
between runs. It is configured only by environment variables (listed in wrangler.toml); never by arguments or a .dev.vars file.
Prints "ready http://127.0.0.1:N" when it answers. Cron fires every 60 seconds, or as told; with --no-cron only when
GET /cdn-cgi/handler/scheduled?cron=*+*+*+*+* is called. Ends with everything it started on SIGTERM and SIGINT.

Settings read from the environment:
  ${settingNames().join('\n  ')}`;

function options() {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, state: { type: 'string' }, 'cron-every': { type: 'string' }, 'no-cron': { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const port = Number(values.port);
  const every = values['no-cron'] ? 0 : Number(values['cron-every'] ?? 60);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw trouble('--port must be a number from 1 to 65535.', 'npm run worker -- --help');
  if (!values.state) throw trouble('--state must name a directory for the database.', 'npm run worker -- --help');
  if (!(every >= 0) || (values['cron-every'] && !(every >= 1))) throw trouble('--cron-every must be a number of seconds, at least 1.', 'npm run worker -- --help');
  return { port, every, state: resolve(process.env.INIT_CWD ?? '.', values.state) };
}

/** Waits a moment for a predecessor that was just killed to let go of the port. */
async function free(port) {
  for (let tries = 20; ; tries -= 1) {
    const taken = await new Promise((answer) => {
      const server = createServer().once('error', () => answer(true)).once('listening', () => server.close(() => answer(false)));
      server.listen(port, address);
    });
    if (!taken) return;
    if (tries === 0) throw trouble(`Port ${port} is taken by another program.`, `Choose another with --port, or see who has it: ss -ltnp 'sport = :${port}'`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

/** Started by npm, this process has no reason to live on when npm was killed outright. */
function endWith(parent, end) {
  if (!process.env.npm_lifecycle_event) return;
  // npm starts a shell, which may or may not stay in between.
  const grandparent = parentOf(parent);
  const alive = () => process.ppid === parent && (grandparent === null || parentOf(parent) === grandparent);
  setInterval(() => alive() || end('npm is gone'), 300).unref();
}

/** The parent of a shell; null when the process is no shell. */
function parentOf(pid) {
  try {
    const [, name, rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').match(/^\d+ \((.*)\) (.*)$/s);
    return /^(ba|da)?sh$/.test(name) ? Number(rest.split(' ')[1]) : null;
  } catch {
    return null;
  }
}

await main(async () => {
  const { port, every, state } = options();
  if (!existsSync(join(built, 'index.js'))) throw trouble('The Worker is not built.', 'npm run build');
  await free(port);
  mkdirSync(state, { recursive: true });
  process.env.PORTER_WORKERD = (await import('workerd')).default.default;
  process.env.MINIFLARE_WORKERD_PATH = join(root, 'scripts', 'workerd-guarded.sh');
  const { Miniflare } = await import('miniflare');
  const runtime = new Miniflare(await runtimeOptions({ port, state, environment: process.env }));
  let cron;
  let ending = false;
  const end = async (why) => {
    if (ending) return;
    ending = true;
    clearInterval(cron);
    console.log(`ending: ${why}`);
    await runtime.dispose();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.removeAllListeners(signal);
    process.on(signal, () => end(signal));
  }
  endWith(process.ppid, end);
  await runtime.ready;
  const applied = await migrate(await runtime.getD1Database('DB', 'porter'));
  if (applied.length > 0) console.log(`migrated: ${applied.join(', ')}`);
  console.log(`ready http://${address}:${port}`);
  if (every > 0) cron = fireCron(`http://${address}:${port}`, every * 1000);
});
