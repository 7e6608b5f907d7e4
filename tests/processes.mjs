// What runs on this computer, as /proc tells it. A dead process that nobody has collected yet does not run.

import { readFileSync, readdirSync } from 'node:fs';

const read = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

/** Every running process: number, parent, group, arguments. */
export function processes() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const [state, parent, group] = read(pid, 'stat').replace(/^.*\) /s, '').split(' ');
    if (!state || 'ZX'.includes(state)) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), args: read(pid, 'cmdline').split('\0') }];
  });
}

/** Whether `check` comes true within five seconds. */
export async function soon(check) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await check()) return true;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return false;
}
