//! One task: where it is, what it cost, its pull request, and everything that happened, live.

/** @import {Leave, Task} from '../shapes.d.ts' */

import { retry, stop, task as read } from '../api.js';
import { announce, el, fill, outside, problem, say } from '../dom.js';
import { STATUSES, count, duration, elapsed, isFinal, money, phase, pill, reference, time } from '../phrases.js';
import { history } from './history.js';

const REFRESH_MS = 3000;

/**
 * @param {HTMLElement} root
 * @param {string} id
 * @param {(address: string) => void} go
 * @returns {Leave}
 */
export function showTask(root, id, go) {
  const leaving = new AbortController();
  const title = el('h1', {}, 'Task');
  const where = el('p', { class: 'task-where' });
  const state = el('div', { class: 'task-state' });
  const actions = el('div', { class: 'actions' });
  const trouble = el('div');
  const result = el('div');
  const facts = el('dl', { class: 'facts' });
  const issue = el('details', { class: 'issue', hidden: true }, el('summary', {}, 'The issue'), el('p', { class: 'prose' }));
  const past = history(id, refresh);
  fill(
    root,
    el('p', { class: 'crumb' }, el('a', { href: '/' }, '← All tasks')),
    el('div', { class: 'heading' }, title, actions),
    where, state, trouble, result, facts, issue, past.element,
  );

  /** @type {Task | undefined} */
  let shown;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let turn = 0;

  async function refresh() {
    clearTimeout(timer);
    const mine = (turn += 1);
    try {
      const task = await read(id, leaving.signal);
      if (mine !== turn) return;
      render(task);
      past.follow(isFinal(task));
      if (trouble.dataset['from'] === 'reading') fill(trouble);
      if (isFinal(task)) return;
    } catch (error) {
      if (leaving.signal.aborted || mine !== turn) return;
      const gone = error instanceof Error && 'status' in error && error.status === 404;
      complain('reading', gone ? 'There is no such task.' : 'The task cannot be read right now. Trying again by itself.', error);
      if (gone) return;
    }
    timer = setTimeout(refresh, REFRESH_MS);
  }

  /** @param {'reading' | 'acting'} from @param {string} text @param {unknown} error */
  function complain(from, text, error) {
    trouble.dataset['from'] = from;
    fill(trouble, problem(text, error));
  }

  /** @param {Task} task */
  function render(task) {
    if (shown && shown.status !== task.status) announce(`This task is now: ${STATUSES[task.status]}`);
    if (shown && JSON.stringify(shown) === JSON.stringify(task)) return;
    say(title, task.issueTitle || 'Untitled issue');
    document.title = `${task.issueTitle || 'Task'} · Porter`;
    fill(where, reference(task), ' · asked by ', task.createdBy, ' · ', time(task.createdAt));
    fill(state, ...stateOf(task));
    if (shown?.status !== task.status) fill(actions, ...actionsFor(task));
    fill(result, resultOf(task));
    fill(facts, ...factsOf(task));
    issue.hidden = !task.issueBody;
    const prose = issue.querySelector('p');
    if (prose) say(prose, task.issueBody ?? '');
    shown = task;
  }

  /** @param {Task} task */
  function actionsFor(task) {
    if (!isFinal(task)) return [el('button', { type: 'button', class: 'danger', onclick: () => question.showModal() }, 'Stop'), question];
    return [el('button', { type: 'button', onclick: again }, 'Retry')];
  }

  const question = el(
    'dialog',
    { 'aria-labelledby': 'stop-title', onclose: () => question.returnValue === 'stop' && act(() => stop(id), 'stopped') },
    el(
      'form',
      { method: 'dialog' },
      el('h2', { id: 'stop-title' }, 'Stop this task?'),
      el('p', {}, 'The machine ends and its work is not published. You can retry later; that is a new task.'),
      el('div', { class: 'actions' }, el('button', { value: '' }, 'Keep it running'), el('button', { value: 'stop', class: 'danger' }, 'Stop it')),
    ),
  );

  /** @param {MouseEvent} event */
  async function again(event) {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    button.disabled = true;
    await act(async () => go(`/tasks/${encodeURIComponent(await retry(id))}`), 'tried again');
    button.disabled = false;
  }

  /** @param {() => Promise<void>} action @param {string} word */
  async function act(action, word) {
    try {
      await action();
      fill(trouble);
      await refresh();
    } catch (error) {
      if (!leaving.signal.aborted) complain('acting', `The task could not be ${word}.`, error);
    }
  }

  refresh();
  return () => {
    leaving.abort();
    clearTimeout(timer);
    past.leave();
  };
}

/** @param {Task} task */
function stateOf(task) {
  const doing = phase(task);
  const bar = task.status === 'running' && el('progress', { max: 100, value: task.progress, 'aria-label': 'Progress' });
  return [pill(task.status), el('span', { class: 'quiet' }, doing), bar];
}

/** @param {Task} task */
function resultOf(task) {
  if (task.prUrl) {
    const name = task.prNumber ? `Pull request #${task.prNumber}` : 'Pull request';
    return el(
      'div',
      { class: 'result' },
      outside(task.prUrl, { class: 'result-link' }, name, el('span', { 'aria-hidden': 'true' }, ' ↗')),
      el('p', { class: 'quiet' }, task.branch ? `on branch ${task.branch}` : ''),
    );
  }
  if (task.errorMessage) {
    return el('div', { class: 'notice problem' }, el('p', { class: 'notice-title' }, STATUSES[task.status]), el('p', {}, task.errorMessage));
  }
  return null;
}

/** @param {Task} task */
function took(task) {
  if (!task.startedAt) return null;
  return task.completedAt ? duration(Date.parse(task.completedAt) - Date.parse(task.startedAt)) : elapsed(task.startedAt);
}

/** @param {Task} task */
function factsOf(task) {
  const usage = task.usage;
  /** @type {[string, Node | string | null][]} */
  const facts = [
    ['Agent', task.agent],
    ['Model', usage?.model ?? null],
    ['Priority', ['low', 'normal', 'high'][task.priority] ?? null],
    [task.completedAt ? 'Took' : 'Running for', took(task)],
    ['Model calls', usage ? count(usage.calls) : null],
    ['Tokens in', usage ? count(usage.inputTokens) : null],
    ['Tokens out', usage ? count(usage.outputTokens) : null],
    ['From cache', usage ? count(usage.cacheReadTokens) : null],
    ['Cost', usage ? money(usage.costMicros) : null],
    ['Readiness', typeof task.readiness === 'number' ? `${task.readiness} of 100` : null],
    ['Branch', task.prUrl ? null : (task.branch ?? null)],
    ['Prompt', task.promptHash ? el('code', { title: task.promptHash }, task.promptHash.slice(0, 12)) : null],
    ['Retry of', task.retryOf ? el('a', { href: `/tasks/${encodeURIComponent(task.retryOf)}` }, task.retryOf) : null],
    ['Task', el('code', {}, task.id)],
  ];
  const known = facts.filter(([, value]) => value !== null);
  return known.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)));
}
