// `npm start`: sets up, builds, and runs Porter on this computer; without a key with stand-ins, with --repo for real.

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { boxTrouble } from './box.mjs';
import { build } from './build.mjs';
import { demoRepository, demoSettings, home, machines, ports, realSettings, secrets, world } from './local.mjs';
import { binaries, environment, root } from './places.mjs';
import { settingNames } from './settings.mjs';
import { setUp } from './setup.mjs';
import { main, stop, trouble } from './steps.mjs';

const usage = `npm start [-- --port N]
npm start -- --repo owner/name [--unsafe-local] [--port N]

Without --repo: a demonstration that needs no account and no key. GitHub and the model are stand-ins on this computer; the agent
programs, git, the Worker's runtime and the database are real. Then: npm run demo

With --repo: the real repository is polled and the agent works on this computer, in a box made by bubblewrap. Wants in the environment:
  GITHUB_TOKEN  a token that may read and write the repository's contents, issues and pull requests
  GITHUB_USER   the login it belongs to
  and a model's key: ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY
--unsafe-local runs the agent without a box: it can then read and change whatever you can.

The first start sets everything up (several minutes); later ones take seconds. Ctrl-C ends everything. Default port: 8787.`;

function options() {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8787' }, repo: { type: 'string' }, 'unsafe-local': { type: 'boolean', default: false }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_532) throw trouble('--port must be a number from 1 to 65532.', 'npm start -- --help');
  if (values.repo !== undefined && !/^[\w.-]+\/[\w.-]+$/.test(values.repo)) throw trouble('--repo must be owner/name.', 'npm start -- --repo owner/name');
  if (values['unsafe-local'] && values.repo === undefined) throw trouble('--unsafe-local has a meaning only with --repo.', 'npm start -- --help');
  return { port, repository: values.repo, unsafe: values['unsafe-local'] };
}

/** Refuses before anything is set up or built: what is missing for the real thing, all at once. */
function checkReal({ unsafe }) {
  const missing = ['GITHUB_TOKEN', 'GITHUB_USER'].filter((name) => !process.env[name]);
  if (!['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY'].some((name) => process.env[name])) missing.push('a model key (ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY)');
  if (missing.length > 0) throw trouble(`Missing in the environment: ${missing.join(', ')}.`, 'npm start -- --help');
  if (unsafe) console.log('WARNING: --unsafe-local: the agent runs without a box and can read and change whatever you can. Every pull request will say so.\n');
}

/** After set-up, which may have installed bubblewrap. */
function checkBox() {
  const no = boxTrouble();
  if (no) throw trouble(`The agent cannot be put into a box: ${no.why}.`, `${no.remedy}\n  Or, knowing that the agent can then do whatever you can:  npm start -- --repo … --unsafe-local`);
}

const children = [];

/** Starts a program and shows its lines under its name; resolves when it says that it is ready. */
function run({ name, file, args, env }) {
  // They end when this process ends, however it ends.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', file, ...args], { cwd: root, env: clean(env), stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return new Promise((ready) => {
    const show = (line) => {
      console.log(`${name.padEnd(8)} | ${line}`);
      if (line.startsWith('ready ')) ready();
    };
    createInterface({ input: child.stdout }).on('line', show);
    createInterface({ input: child.stderr }).on('line', show);
    child.on('exit', (code, signal) => ending || endAll(1, `${name} ended (${signal ?? `status ${code}`}).`));
    child.on('error', (error) => endAll(1, `${name} could not be started: ${error.message}.`));
  });
}

/** This computer's environment without any setting of Porter's: each program gets its own and no other's. */
function clean(extra) {
  const env = environment(extra);
  for (const name of [...settingNames(), 'npm_lifecycle_event']) if (!(name in extra)) delete env[name];
  return env;
}

let ending = false;
async function endAll(status, why) {
  if (ending) return;
  ending = true;
  console.log(`\n${why} Ending everything.`);
  const gone = children.map((child) => (child.exitCode === null && child.signalCode === null ? new Promise((done) => child.once('exit', done)) : null));
  for (const child of children) child.kill('SIGTERM');
  await Promise.race([Promise.all(gone), new Promise((done) => setTimeout(done, 8000))]);
  for (const child of children) child.kill('SIGKILL');
  stop();
  rmSync(join(home, 'running.json'), { force: true });
  process.exit(status);
}

function announce({ port, repository, unsafe }, unboxed) {
  const lines = repository
    ? ['REAL: Porter works for your repository.',
      `  Real: GitHub (${repository}, polled every minute), the model provider and its bill, the agent, the runtime, the database.`,
      `  The machine is this computer; the agent works ${unsafe ? 'WITHOUT A BOX: it can do whatever you can' : 'in a box (bubblewrap) that holds the checkout and nothing else'}.`,
      `  Write "@porter claude …" as a comment on an issue of ${repository}.`]
    : ['DEMONSTRATION: no account, no key, nothing leaves this computer.',
      `  Stand-ins: GitHub (repository ${demoRepository}) and the model, whose answers are scripted.`,
      "  Real: the agent's program, git, the Worker on Cloudflare's runtime, the database, the machine host's processes.",
      ...(unboxed ? [`  The agent's program runs WITHOUT A BOX, because bubblewrap cannot be used here; what it does in the demonstration is scripted.`] : []),
      '  Now, in another terminal:  npm run demo'];
  console.log(`\n${lines.join('\n')}\n  The page:  http://localhost:${port}\n  Ctrl-C ends everything.\n`);
}

await main(async () => {
  const chosen = options();
  const real = chosen.repository !== undefined;
  if (real) checkReal(chosen);
  await setUp({ for: 'start' });
  if (real && !chosen.unsafe) checkBox();
  await build();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.removeAllListeners(signal);
    process.on(signal, () => endAll(0, `\n${signal}.`));
  }
  const secret = secrets();
  const at = ports(chosen.port);
  const mode = real ? 'real' : 'demo';
  // The stand-in begins anew at every start, so what Porter remembers of its last life would be about others.
  if (!real) rmSync(join(home, mode), { recursive: true, force: true });
  mkdirSync(join(home, mode), { recursive: true, mode: 0o700 });
  const unboxed = real ? chosen.unsafe : boxTrouble() !== null;
  await Promise.all([...(real ? [] : [run(world(at, secret))]), run(machines(at, secret, { mode, unsafe: unboxed }))]);
  await run({
    name: 'worker', file: join(binaries, 'node'),
    args: [join(root, 'scripts', 'worker.mjs'), '--port', String(at.worker), '--state', join(home, mode, 'state'), '--cron-every', real ? '60' : '5'],
    env: real ? realSettings(at, secret, chosen, process.env) : demoSettings(at, secret),
  });
  if (ending) return;
  writeFileSync(join(home, 'running.json'), JSON.stringify({ ports: at, mode, repository: chosen.repository ?? demoRepository }), { mode: 0o600 });
  announce(chosen, unboxed);
});
