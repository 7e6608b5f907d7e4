//! How things are said: states, times, numbers, money.

/** @import {Status, Task} from './shapes.d.ts' */

import { el, say } from './dom.js';

/** The states in words, in the order of the filter. @type {Record<Status, string>} */
export const STATUSES = {
  queued: 'Queued',
  running: 'Running',
  success: 'Success',
  failed: 'Failed',
  timed_out: 'Timed out',
  stopped: 'Stopped',
};

/** @type {Record<string, string>} */
const PHASES = {
  cloning: 'fetching the code',
  setup: 'preparing',
  working: 'the agent is working',
  collecting: 'collecting changes',
  handing_over: 'handing over',
};

/** Whether nothing will change any more. @param {Task} task */
export function isFinal(task) {
  return task.status !== 'queued' && task.status !== 'running';
}

/** A state as a pill: a shape and a word, so colour says nothing alone. @param {Status} status */
export function pill(status) {
  return el('span', { class: 'pill', 'data-status': status }, STATUSES[status] ?? status);
}

/** What a running task is doing. @param {Task} task */
export function phase(task) {
  if (task.status === 'queued') return 'waiting for a machine';
  if (task.status !== 'running') return '';
  return task.phase ? (PHASES[task.phase] ?? task.phase.replaceAll('_', ' ')) : 'starting a machine';
}

const UNITS = /** @type {const} */ ([
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]);
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'long' });

/** How long ago, in words. @param {number} then @param {number} now milliseconds since 1970 */
export function ago(then, now) {
  const seconds = Math.round((then - now) / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 10 ? 'just now' : relative.format(seconds, 'second');
}

/** A time, relative in the text and absolute in its title. @param {string} at */
export function time(at) {
  const then = Date.parse(at);
  if (Number.isNaN(then)) return el('span', {}, at);
  return el('time', { datetime: at, title: absolute.format(then), 'data-relative': true }, ago(then, Date.now()));
}

/** How long something has taken so far; it goes on by itself. @param {string} since */
export function elapsed(since) {
  return el('span', { 'data-since': since }, duration(Date.now() - Date.parse(since)));
}

/** Brings all times on the page that go on up to date. */
export function refreshTimes() {
  for (const element of document.querySelectorAll('[data-since]')) {
    say(element, duration(Date.now() - Date.parse(element.getAttribute('data-since') ?? '')));
  }
  for (const element of document.querySelectorAll('time[data-relative]')) {
    say(element, ago(Date.parse(element.getAttribute('datetime') ?? ''), Date.now()));
  }
}

/** A clock time for log lines. @param {string} at */
export function clock(at) {
  const then = new Date(at);
  const text = Number.isNaN(then.getTime()) ? at : then.toLocaleTimeString('en-GB');
  return el('time', { datetime: at, title: Number.isNaN(then.getTime()) ? at : absolute.format(then) }, text);
}

/** A length of time. @param {number} milliseconds */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number with thousands set apart; a dash for what is unknown. @param {number | null | undefined} number */
export function count(number) {
  return typeof number === 'number' ? number.toLocaleString('en') : '–';
}

/** Millionths of a dollar as money; small sums keep their digits. @param {number | null | undefined} micros */
export function money(micros) {
  if (typeof micros !== 'number') return '–';
  const digits = micros !== 0 && micros < 10_000 ? 4 : 2;
  return `$${(micros / 1_000_000).toFixed(digits)}`;
}

/** `owner/name#7`. @param {Task} task */
export function reference(task) {
  return `${task.repoOwner}/${task.repoName}#${task.issueNumber}`;
}
