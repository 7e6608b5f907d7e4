// Whether an agent can be put into a box on this computer, found out by making one.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { find } from './places.mjs';

/** @returns {null | {why: string, remedy: string}} null when bubblewrap works here. */
export function boxTrouble() {
  const bwrap = find('bwrap');
  if (!bwrap) return { why: 'bubblewrap is not installed', remedy: 'sudo apt-get install -y bubblewrap   (or run Porter in Docker)' };
  const tried = spawnSync(bwrap, ['--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--die-with-parent', 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return null;
  const why = `bubblewrap cannot make a box here: ${(tried.stderr || String(tried.error ?? '')).trim().split('\n')[0]}`;
  const switchFile = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
  if (existsSync(switchFile) && readFileSync(switchFile, 'utf8').trim() === '1') {
    return { why, remedy: 'Ubuntu forbids it by default. Allow it until the next boot: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0   (or run Porter in Docker)' };
  }
  return { why, remedy: 'Allow user namespaces: sudo sysctl kernel.unprivileged_userns_clone=1   (in a container: run it with --security-opt seccomp=unconfined; or run Porter in Docker)' };
}
