//! The demo's form: it writes a comment on the demo issue, as a person on GitHub would.

/** @import {Local} from '../shapes.d.ts' */

import { comment } from '../api.js';
import { announce, el, fill, problem } from '../dom.js';

/**
 * @param {Local} demo
 * @param {() => void} written called when the comment is there
 */
export function demoForm(demo, written) {
  const text = el('input', { id: 'demo-comment', name: 'comment', required: true, autocomplete: 'off', spellcheck: 'false' });
  text.value = '@porter opencode fix the flaky test';
  const button = el('button', { type: 'submit', class: 'main' }, 'Comment');
  const outcome = el('div', { class: 'outcome' });
  const form = el(
    'form',
    { class: 'demo', 'aria-labelledby': 'demo-title', onsubmit: send },
    el('h2', { id: 'demo-title' }, 'Try it'),
    el('label', { for: 'demo-comment' }, `Comment on issue #${demo.issue} of ${demo.repo}`),
    el('div', { class: 'line' }, text, button),
    outcome,
  );

  /** @param {SubmitEvent} event */
  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await comment(demo, text.value);
      fill(outcome, el('p', { class: 'quiet' }, 'Written. Porter hears of it at once; the task appears below.'));
      announce('Comment written');
      written();
    } catch (error) {
      fill(outcome, problem('The comment could not be written.', error));
    }
    button.disabled = false;
  }
  return form;
}
