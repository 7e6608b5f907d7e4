// `npm run deploy`: builds the Worker, deploys it to the user's Cloudflare account, migrates its database, and says what is missing.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildWorker } from './build.mjs';
import { binaries, environment, root } from './places.mjs';
import { setUp } from './setup.mjs';
import { command, main, trouble } from './steps.mjs';

const usage = `npm run deploy [-- --dry-run]

Deploys to your Cloudflare account: the Worker, its page and its D1 database (made at the first deploy), then the migrations.
First, once:  npx wrangler login   (or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID in the environment)
Settings and secrets are yours to set afterwards: npx wrangler secret put NAME. wrangler.toml lists them.`;

const wrangler = join(binaries, 'wrangler');

function signedIn() {
  try {
    return !/not authenticated/i.test(execFileSync(wrangler, ['whoami'], { cwd: root, env: environment(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
  } catch {
    return false;
  }
}

/** Secrets that have been set in the account, by name. */
function secretNames() {
  try {
    return JSON.parse(execFileSync(wrangler, ['secret', 'list', '--format', 'json'], { cwd: root, env: environment(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).map(({ name }) => name);
  } catch {
    return [];
  }
}

await main(async () => {
  if (process.argv.includes('--help')) return console.log(usage);
  const dry = process.argv.includes('--dry-run');
  await setUp({ for: 'start' });
  await buildWorker();
  if (dry) return command(wrangler, ['deploy', '--dry-run'], { quiet: false });
  if (!signedIn()) throw trouble('wrangler is not signed in to Cloudflare.', 'npx wrangler login   (or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID)');
  await command(wrangler, ['deploy'], { quiet: false });
  // After the deploy: the first one makes the database.
  if (existsSync(join(root, 'migrations'))) await command(wrangler, ['d1', 'migrations', 'apply', 'DB', '--remote'], { quiet: false });
  const set = new Set(secretNames());
  const due = ['ENCRYPTION_KEYS', 'FLY_API_TOKEN', 'GITHUB_WEBHOOK_SECRET'].filter((name) => !set.has(name));
  console.log('\nDeployed.');
  if (due.length > 0) console.log(`Not set yet: ${due.join(', ')}.  npx wrangler secret put NAME   (for ENCRYPTION_KEYS: echo "1:$(openssl rand -base64 32)")`);
  console.log('What else is missing, the instance says itself: GET /api/startup/check at its address.');
});
