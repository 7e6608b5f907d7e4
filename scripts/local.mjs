// How the programs of `npm start` are told about each other: their flags and settings, in this one place.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './build.mjs';
import { root } from './places.mjs';
import { agents } from './setup.mjs';

/** What `npm start` keeps between runs: secrets, the database, the stand-in's repositories, machines. Nobody else can read it. */
export const home = join(root, '.porter-local');

export const ports = (worker) => ({ worker, world: worker + 1, machines: worker + 2, models: worker + 3 });
const app = 'porter-local';
export const demoRepository = 'acme/demo';

/** Secrets of this installation, made once; 0600. None of them works anywhere else. */
export function secrets() {
  const file = join(home, 'secrets.json');
  const made = {
    encryption: `1:${randomBytes(32).toString('base64')}`,
    webhook: randomBytes(24).toString('hex'),
    machines: randomBytes(24).toString('hex'),
    startup: randomBytes(24).toString('hex'),
    github: `local-${randomBytes(16).toString('hex')}`,
    model: `local-${randomBytes(16).toString('hex')}`,
  };
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const all = { ...made, ...kept };
  if (Object.keys(made).some((name) => !(name in kept))) {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.half`, JSON.stringify(all), { mode: 0o600 });
    renameSync(`${file}.half`, file);
  }
  return all;
}

const at = (port) => `http://127.0.0.1:${port}`;

/** The stand-in for GitHub and for the model provider. */
export function world({ worker, world: port, models }, secret) {
  return {
    name: 'world', file: program('porter-world'),
    args: ['--port', String(port), '--model-port', String(models), '--git-dir', join(home, 'demo', 'git'), '--webhook-url', `${at(worker)}/api/webhooks/github`, '--seed-demo'],
    env: { GITHUB_WEBHOOK_SECRET: secret.webhook, WORLD_GITHUB_TOKEN: secret.github, WORLD_MODEL_KEYS: secret.model },
  };
}

/** The machine host: Fly's API on this computer. */
export function machines({ machines: port }, secret, { mode, unsafe }) {
  return {
    name: 'machines', file: program('porter-machines'),
    args: ['--port', String(port), '--state', join(home, mode, 'machines'), '--runner', program('porter-runner'), '--agents-dir', agents, '--app', app, '--box', unsafe ? 'off' : 'bwrap'],
    env: { FLY_API_TOKEN: secret.machines },
  };
}

/** The Worker's settings that are the same in both modes. */
const shared = ({ worker, machines: port }, secret) => ({
  PUBLIC_APP_URL: at(worker), ENCRYPTION_KEYS: secret.encryption, FLY_API_URL: at(port), FLY_API_TOKEN: secret.machines,
  FLY_APP_NAME: app, WORKER_IMAGE: 'local', PORTER_START_TOKEN: secret.startup,
});

/** Everything but the agent's program and git is a stand-in. */
export function demoSettings(addresses, secret) {
  const stand = at(addresses.world);
  return {
    ...shared(addresses, secret),
    GITHUB_API_URL: `${stand}/api/v3`, GITHUB_URL: stand, GITHUB_TOKEN: secret.github, GITHUB_USER: 'porter-bot',
    GITHUB_WEBHOOK_SECRET: secret.webhook, PORTER_OWNERS: demoRepository.split('/')[0],
    ANTHROPIC_BASE_URL: at(addresses.models), OPENAI_BASE_URL: at(addresses.models), ANTHROPIC_API_KEY: secret.model, OPENAI_API_KEY: secret.model,
    PORTER_LOCAL: JSON.stringify({ mode: 'demo', repo: demoRepository, issue: 1, author: 'alice', comment_url: `${stand}/_world/comment`, issue_url: `${stand}/${demoRepository}/issues/1` }),
  };
}

/** The real GitHub, polled, and the real model provider; the machine is this computer. */
export function realSettings(addresses, secret, { repository, unsafe }, environment) {
  const keys = ['GITHUB_TOKEN', 'GITHUB_USER', 'ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'AMP_API_KEY', 'AMP_URL', 'GITHUB_API_URL', 'GITHUB_URL', 'ANTHROPIC_BASE_URL', 'OPENAI_BASE_URL', 'GEMINI_BASE_URL', 'MENTION'];
  const given = Object.fromEntries(keys.filter((name) => environment[name]).map((name) => [name, environment[name]]));
  return { ...shared(addresses, secret), ...given, PORTER_POLL: repository, PORTER_LOCAL: JSON.stringify({ mode: 'real', repo: repository, boxed: !unsafe }) };
}
