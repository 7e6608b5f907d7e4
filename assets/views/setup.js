//! The set-up page: what is there, what is missing, and what to do about it.

/** @import {Leave, StartupCheck} from '../shapes.d.ts' */

import { startupCheck } from '../api.js';
import { announce, copyable, el, fill, notice, problem } from '../dom.js';

/**
 * @param {HTMLElement} root
 * @returns {Leave}
 */
export function showSetup(root) {
  const leaving = new AbortController();
  const body = el('div', {}, el('p', { class: 'quiet' }, 'Checking…'));
  const again = el('button', { type: 'button', onclick: check }, 'Check again');
  fill(root, el('div', { class: 'heading' }, el('h1', {}, 'Set-up'), again), body, howTo());

  async function check() {
    again.disabled = true;
    try {
      const found = await startupCheck(leaving.signal);
      fill(body, ...report(found));
      announce(found.ok ? 'Everything is set up' : 'Something is missing');
    } catch (error) {
      if (!leaving.signal.aborted) fill(body, problem('The check could not be made.', error));
    }
    again.disabled = false;
  }
  check();
  return () => leaving.abort();
}

/** @param {StartupCheck} found */
function report(found) {
  const missing = found.checks.filter((check) => !check.ok);
  const verdict = found.ok
    ? notice('note', 'Everything Porter needs is there.')
    : notice('problem', missing.length === 1 ? 'One thing is missing.' : `${missing.length} things are missing.`);
  const items = [...missing, ...found.checks.filter((check) => check.ok)].map((check) =>
    el(
      'li',
      { class: 'check', 'data-ok': String(check.ok) },
      el('span', { class: 'pill', 'data-status': check.ok ? 'success' : 'failed' }, check.ok ? 'Fine' : 'Missing'),
      el(
        'div',
        {},
        el('h2', {}, check.name),
        el('p', {}, check.detail ?? ''),
        !check.ok && Boolean(check.remedy) && el('p', { class: 'remedy' }, check.remedy ?? ''),
      ),
    ),
  );
  return [verdict, el('ul', { class: 'checks' }, ...items)];
}

function howTo() {
  return el(
    'section',
    { class: 'how' },
    el('h2', {}, 'What to write'),
    el('p', {}, 'A command is a comment on an issue or a pull request whose line begins with the mention.'),
    copyable('@porter claude --priority=high fix the flaky test'),
    el('p', { class: 'quiet' }, 'Also: @porter stop, @porter retry, @porter status, @porter doctor, @porter help.'),
  );
}
