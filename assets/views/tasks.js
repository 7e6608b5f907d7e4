//! The list of tasks: filtered by state, refreshed while it is looked at, and what to do when there are none.

/** @import {Leave, Status, Task} from '../shapes.d.ts' */

import { local, tasks } from '../api.js';
import { announce, copyable, el, fill, problem, say } from '../dom.js';
import { STATUSES, isFinal, money, phase, pill, reference, time } from '../phrases.js';
import { demoForm } from './demo.js';

const EXAMPLE = '@porter opencode fix the flaky test';
const REFRESH_MS = 3000;
const REFRESH_MOST_MS = 30_000;

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query
 * @param {(address: string) => void} go
 * @returns {Leave}
 */
export function showTasks(root, query, go) {
  const status = query.get('status') ?? '';
  const leaving = new AbortController();
  const demo = el('div');
  const trouble = el('div');
  const list = el('ul', { class: 'tasks', 'aria-label': 'Tasks' });
  const below = el('div', { class: 'below' }, el('p', { class: 'quiet' }, 'Looking…'));
  fill(root, el('h1', {}, 'Tasks'), demo, filter(status), trouble, list, below);

  /** @type {Map<string, ReturnType<typeof row>>} */
  const rows = new Map();
  /** @type {Task[]} */
  let older = [];
  /** @type {string | null | undefined} */
  let next;
  let pause = REFRESH_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let turn = 0;

  async function refresh() {
    clearTimeout(timer);
    const mine = (turn += 1);
    if (document.hidden) return;
    try {
      const page = await tasks({ status, cursor: null, signal: leaving.signal });
      if (mine !== turn) return;
      if (next === undefined || older.length === 0) next = page.next;
      const known = new Set(page.tasks.map((task) => task.id));
      render([...page.tasks, ...older.filter((task) => !known.has(task.id))]);
      fill(trouble);
      pause = REFRESH_MS;
    } catch (error) {
      if (leaving.signal.aborted || mine !== turn) return;
      pause = Math.min(pause * 2, REFRESH_MOST_MS);
      if (rows.size === 0) fill(below);
      if (!trouble.hasChildNodes()) fill(trouble, problem('The tasks cannot be read right now. Trying again by itself.', error));
    }
    timer = setTimeout(refresh, pause);
  }

  /** @param {Task[]} shown */
  function render(shown) {
    const ids = new Set(shown.map((task) => task.id));
    for (const [id, { element }] of rows) {
      if (!ids.has(id)) {
        element.remove();
        rows.delete(id);
      }
    }
    shown.forEach((task, place) => {
      const known = rows.get(task.id) ?? row();
      rows.set(task.id, known);
      known.update(task);
      if (list.children[place] !== known.element) list.insertBefore(known.element, list.children[place] ?? null);
    });
    renderBelow(shown.length === 0);
  }

  /** @param {boolean} none */
  function renderBelow(none) {
    if (none) {
      if (!below.querySelector('.empty')) fill(below, status ? emptyFilter(status) : empty(demo.hasChildNodes()));
    } else if (!next) {
      fill(below);
    } else if (!below.querySelector('button')) {
      fill(below, el('button', { type: 'button', onclick: more }, 'Show older tasks'));
    }
  }

  async function more() {
    try {
      const page = await tasks({ status, cursor: next ?? null, signal: leaving.signal });
      older = [...older, ...page.tasks];
      next = page.next;
      announce(`${page.tasks.length} more tasks`);
      await refresh();
    } catch (error) {
      if (!leaving.signal.aborted) fill(trouble, problem('The older tasks cannot be read right now.', error));
    }
  }

  document.addEventListener('visibilitychange', refresh, { signal: leaving.signal });
  refresh();
  local().then((told) => {
    if (told?.mode !== 'demo' || leaving.signal.aborted) return;
    fill(demo, demoForm(told, refresh));
    if (below.querySelector('.empty') && !status) fill(below, empty(true));
  });
  root.addEventListener('change', choose, { signal: leaving.signal });
  /** @param {Event} event */
  function choose(event) {
    if (event.target instanceof HTMLSelectElement) go(event.target.value ? `/?status=${event.target.value}` : '/');
  }
  return () => {
    leaving.abort();
    clearTimeout(timer);
  };
}

/** The filter: links where there is room, a menu on a phone. @param {string} status */
function filter(status) {
  const options = [['', 'All'], ...Object.entries(STATUSES)];
  const links = options.map(([word, text]) =>
    el('a', { href: word ? `/?status=${word}` : '/', 'aria-current': word === status ? 'true' : null }, text ?? ''),
  );
  const choices = options.map(([word, text]) => el('option', { value: word ?? '', selected: word === status }, text ?? ''));
  return el(
    'div',
    { class: 'filter' },
    el('nav', { 'aria-label': 'Filter by state' }, ...links),
    el('label', {}, 'State ', el('select', {}, ...choices)),
  );
}

/** One line of the list, changed in place so that focus stays where it is. */
function row() {
  const state = el('span', { class: 'row-state' });
  const title = el('span', { class: 'row-title' });
  const where = el('span', { class: 'row-where' });
  const doing = el('span', { class: 'row-doing' });
  const link = el('a', { class: 'row' }, state, el('span', { class: 'row-text' }, title, where), doing);
  let shown = '';
  /** @type {Status | undefined} */
  let before;
  return {
    element: el('li', {}, link),
    /** @param {Task} task */
    update(task) {
      const now = JSON.stringify(task);
      if (now === shown) return;
      shown = now;
      link.setAttribute('href', `/tasks/${encodeURIComponent(task.id)}`);
      if (before !== task.status) fill(state, pill(task.status));
      if (before && before !== task.status) announce(`${reference(task)}: ${STATUSES[task.status]}`);
      before = task.status;
      say(title, task.issueTitle || 'Untitled issue');
      fill(where, reference(task), ' · ', task.agent, ' · ', time(task.createdAt));
      fill(doing, ...summary(task));
    },
  };
}

/** What there is to say of a task in the list's last column. @param {Task} task @returns {(Node | string)[]} */
function summary(task) {
  if (!isFinal(task)) {
    const bar = el('progress', { max: 100, value: task.progress, 'aria-label': `Progress of ${reference(task)}` });
    return task.status === 'running' ? [el('span', {}, phase(task)), bar] : [phase(task)];
  }
  if (task.prUrl) return [task.prNumber ? `Pull request #${task.prNumber}` : 'Pull request', cost(task)];
  return [task.status === 'success' ? 'No changes needed' : (task.errorMessage ?? ''), cost(task)];
}

/** @param {Task} task */
function cost(task) {
  return el('span', { class: 'quiet' }, typeof task.usage?.costMicros === 'number' ? money(task.usage.costMicros) : '');
}

/** @param {boolean} demo whether the form above can be used */
function empty(demo) {
  const first = demo ? 'Write the comment above' : 'Write this as a comment on an issue';
  return el(
    'div',
    { class: 'empty' },
    el('h2', {}, 'No tasks yet'),
    el('p', {}, `${first}. Minutes later there is a pull request, and the task appears here by itself.`),
    !demo && copyable(EXAMPLE),
    el('p', { class: 'quiet' }, 'Nothing happens? ', el('a', { href: '/setup' }, 'See whether everything is set up.')),
  );
}

/** @param {string} status */
function emptyFilter(status) {
  const word = STATUSES[/** @type {Status} */ (status)]?.toLowerCase() ?? status;
  return el('div', { class: 'empty' }, el('p', {}, `No task is ${word} now. `, el('a', { href: '/' }, 'Show all tasks')));
}
