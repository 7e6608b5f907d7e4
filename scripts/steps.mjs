// Runs the steps of a set-up: each says what it does, shows that it is alive, and is stamped so that it runs once.
// Safe to interrupt anywhere: a step is done only when its stamp is written, and a stamp is the last thing written.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { environment, root } from './places.mjs';

const started = Date.now();
let count = 0;
const terminal = process.stdout.isTTY === true;
const running = new Set();
const locks = new Set();

/** A command that ended badly; `log` is where all it said can be read. */
export class CommandFailed extends Error {
  constructor(command, code, log) {
    super(`\`${command}\` ended with ${code}`);
    this.log = log;
  }
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(0)} s`;

/**
 * Runs `work` unless its stamp already holds `key`.
 * @param {{title: string, why?: string, stamp: string, key: string, intact?: () => boolean, work: (run: typeof command) => Promise<void>}} step
 */
export async function step({ title, why, stamp, key, intact = () => true, work }) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key && intact()) return 'already done';
  const begun = Date.now();
  console.log(`• ${title}${why ? `\n    ${why}` : ''}`);
  rmSync(stamp, { force: true });
  await work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(`${stamp}.${process.pid}`, key);
  renameSync(`${stamp}.${process.pid}`, stamp);
  console.log(`  ✓ ${seconds(begun)}`);
  return 'done';
}

/** Runs a program quietly with a live sign of progress; its output goes to a log that is shown when it fails. */
export function command(program, args, { cwd = root, env = environment(), quiet = true } = {}) {
  const logs = join(root, '.porter-local', 'logs');
  mkdirSync(logs, { recursive: true });
  const log = join(logs, `${basename(program)}-${args.find((word) => /^[a-z][\w-]*$/.test(word)) ?? 'run'}-${process.pid}-${++count}.log`);
  const begun = Date.now();
  return new Promise((resolve, reject) => {
    // A group of its own, so that an interrupt from the keyboard reaches it only through `stop`, with its children.
    const child = spawn(program, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit', detached: quiet });
    running.add(child);
    const file = quiet ? openSync(log, 'w') : null;
    let last = '';
    const take = (chunk) => {
      writeFileSync(file, chunk);
      last = chunk.toString().trim().split(/[\r\n]+/).pop() || last;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const pulse = quiet && setInterval(() => alive(begun, last), terminal ? 250 : 15_000);
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(code === 0 ? null : (signal ?? `status ${code}`)));
    function end(failure) {
      if (!running.delete(child)) return;
      clearInterval(pulse);
      if (terminal && quiet) process.stdout.write('\r\x1b[K');
      if (file !== null) closeSync(file);
      if (failure === null) {
        if (quiet) rmSync(log, { force: true });
        return resolve();
      }
      if (quiet && existsSync(log)) console.error(readFileSync(log, 'utf8').split('\n').slice(-40).join('\n'));
      reject(new CommandFailed([program, ...args].join(' '), failure, quiet ? log : null));
    }
  });
}

function alive(begun, last) {
  const line = `    … ${seconds(begun)}  ${last.replaceAll(/\x1b\[[0-9;]*m/g, '').slice(0, 80)}`;
  if (terminal) process.stdout.write(`\r\x1b[K${line}`);
  else console.log(line);
}

/** Runs `work` while holding a lock file; waits for a living holder, takes over from a dead one. */
export async function exclusively(lock, work) {
  mkdirSync(dirname(lock), { recursive: true });
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  for (let told = false; ; ) {
    try {
      linkSync(mine, lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const holder = holderOf(lock);
      if (holder === null) {
        // Renaming takes the dead holder's file away exactly once, even when two wait.
        try { renameSync(lock, `${mine}.dead`); } catch { /* another took it */ }
        rmSync(`${mine}.dead`, { force: true });
        continue;
      }
      if (!told) console.log(`  Another set-up (process ${holder}) is at work; waiting for it.`);
      told = true;
      await new Promise((wake) => setTimeout(wake, 500));
    }
  }
  rmSync(mine, { force: true });
  locks.add(lock);
  try {
    return await work();
  } finally {
    locks.delete(lock);
    rmSync(lock, { force: true });
  }
}

function holderOf(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    process.kill(pid, 0);
    // A number that has gone to another program since is no holder.
    if (existsSync(`/proc/${pid}/cmdline`) && !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node')) return null;
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? 'of another user' : null;
  }
}

/** Makes a child of another's starting (with a group of its own) end with this process. */
export function adopt(child) {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Ends what runs, with its children, and gives the locks back. */
export function stop() {
  for (const child of running) {
    try { process.kill(-child.pid, 'SIGTERM'); } catch { child.kill('SIGTERM'); }
  }
  for (const lock of locks) rmSync(lock, { force: true });
}

/** The frame of every command: an interrupt ends children, a failure is told in words and as exit status 1. */
export async function main(work) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      stop();
      console.error(`\nInterrupted after ${seconds(started)}. Nothing is broken: run the same command again and it goes on from here.`);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  try {
    await work();
  } catch (error) {
    stop();
    console.error(`\n✗ ${error.message}`);
    if (error.log) console.error(`  All it said: ${error.log}`);
    if (!(error instanceof CommandFailed) && !error.remedy) console.error(error.stack);
    if (error.remedy) console.error(`  ${error.remedy}`);
    process.exit(1);
  }
}

/** An error that knows its way out. */
export function trouble(message, remedy) {
  return Object.assign(new Error(message), { remedy });
}
