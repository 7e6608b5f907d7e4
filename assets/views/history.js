//! What happened to a task: its events and log lines as they come, over server-sent events that resume where they broke off.

/** @import {Leave, LogEvent, StateEvent} from '../shapes.d.ts' */

import { eventsUrl } from '../api.js';
import { el, fill, say } from '../dom.js';
import { clock } from '../phrases.js';

/** More lines than this make a page slow; the oldest go. */
const LINES_MOST = 3000;
const RECONNECT_MS = 5000;
/** Porter ends a stream after a while; a final task's stream that stays silent this long is complete. */
const SILENCE_MS = 4000;

/** @type {Record<LogEvent['level'], string>} */
const LEVELS = { info: 'info', warning: 'warning', error: 'error', success: 'done' };

/**
 * @param {string} id the task's
 * @param {() => void} moved called when the task's state has changed
 * @returns {{element: HTMLElement, follow: (final: boolean) => void, leave: Leave}}
 */
export function history(id, moved) {
  const events = el('ol', { class: 'events' });
  const log = el('ol', { class: 'log', role: 'log', 'aria-label': 'Log', tabindex: 0 });
  const noEvents = el('p', { class: 'quiet' }, 'Nothing yet.');
  const noLines = el('p', { class: 'quiet' }, 'The agent has not said anything yet.');
  const live = el('span', { class: 'live', role: 'status' });
  const cut = el('p', { class: 'quiet', hidden: true }, `Only the last ${LINES_MOST} lines are shown.`);
  const element = el(
    'div',
    { class: 'history' },
    el('section', {}, el('h2', {}, 'What happened'), noEvents, events),
    el('section', {}, el('div', { class: 'heading' }, el('h2', {}, 'Log'), live), cut, noLines, log),
  );

  /** @type {Set<string>} */
  const seen = new Set();
  /** @type {EventSource | undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let final = false;

  function connect() {
    clearTimeout(timer);
    source = new EventSource(eventsUrl(id));
    source.addEventListener('open', () => {
      say(live, final ? '' : 'Live');
      settle();
    });
    source.addEventListener('state', (event) => take(event, (/** @type {StateEvent} */ data) => {
      noEvents.hidden = true;
      events.append(el('li', {}, clock(data.at), el('span', {}, data.text || data.kind)));
      if (!final) moved();
    }));
    source.addEventListener('log', (event) => take(event, (/** @type {LogEvent} */ data) => addLine(data)));
    source.addEventListener('error', broken);
  }

  /** @template T @param {MessageEvent<string>} event @param {(data: T) => void} use */
  function take(event, use) {
    // A stream opened anew by hand begins at the start; what is on the page already is passed over.
    if (event.lastEventId && seen.has(event.lastEventId)) return;
    if (event.lastEventId) seen.add(event.lastEventId);
    use(JSON.parse(event.data));
    settle();
  }

  /** @param {LogEvent} line */
  function addLine(line) {
    noLines.hidden = true;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const level = LEVELS[line.level] ?? line.level;
    log.append(el('li', { 'data-level': line.level }, clock(line.at), el('span', { class: 'level' }, level), el('span', { class: 'text' }, line.text)));
    if (log.childElementCount > LINES_MOST) {
      log.firstElementChild?.remove();
      cut.hidden = false;
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  /** A stream that ended is opened again by the browser; one that was refused is not. */
  function broken() {
    if (final) return close();
    if (source?.readyState !== EventSource.CLOSED) return say(live, 'Connecting…');
    say(live, 'Not live: trying again');
    timer = setTimeout(connect, RECONNECT_MS);
  }

  function settle() {
    if (!final) return;
    clearTimeout(timer);
    timer = setTimeout(close, SILENCE_MS);
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    fill(live);
    say(noLines, 'There are no log lines.');
  }

  return {
    element,
    follow(isFinal) {
      if (final && isFinal && source) return;
      final = isFinal;
      if (source) settle();
      else connect();
    },
    leave: close,
  };
}
