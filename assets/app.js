//! The page's frame: which view an address shows, links that do not reload, and the words about the mode.

/** @import {Leave} from './shapes.d.ts' */

import { local } from './api.js';
import { el, fill, notice, say } from './dom.js';
import { refreshTimes } from './phrases.js';
import { showSetup } from './views/setup.js';
import { showTask } from './views/task.js';
import { showTasks } from './views/tasks.js';

const main = /** @type {HTMLElement} */ (document.getElementById('main'));

/** @type {Leave} */
let leave = () => {};

/** Shows the view of the current address. */
function show() {
  leave();
  leave = () => {};
  fill(main);
  const path = location.pathname.replace(/\/+$/, '') || '/';
  const id = /^\/tasks\/([^/]+)$/.exec(path)?.[1];
  if (path === '/' || path === '/tasks') leave = showTasks(main, new URLSearchParams(location.search), go);
  else if (id) leave = showTask(main, decode(id), go);
  else if (path === '/setup') leave = showSetup(main);
  else fill(main, el('h1', {}, 'No such page'), notice('note', 'There is nothing at this address.', el('p', {}, el('a', { href: '/' }, 'To the tasks'))));
  const heading = main.querySelector('h1');
  document.title = heading ? `${heading.textContent} · Porter` : 'Porter';
  const section = path === '/setup' ? '/setup' : '/';
  for (const link of document.querySelectorAll('.top nav a')) {
    if (link.getAttribute('href') === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Goes to an address of ours without a reload. @param {string} address */
function go(address) {
  history.pushState(null, '', address);
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {MouseEvent} event */
function follow(event) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const inside = link && link.origin === location.origin && !link.target && !link.getAttribute('href')?.startsWith('#');
  if (!plain || !inside || link.pathname.startsWith('/api/')) return;
  event.preventDefault();
  go(link.href);
}

/** Says plainly what is real here. */
async function sayMode() {
  const told = await local();
  const mode = document.getElementById('mode');
  if (!told || !mode) return;
  mode.hidden = false;
  say(
    mode,
    told.mode === 'demo'
      ? `Demo: the repository ${told.repo} and the model are stand-ins on this computer. Porter, git and the agent are real.`
      : `Real: Porter works on ${told.repo}, with your keys, and the agent runs on this computer.`,
  );
}

document.addEventListener('click', follow);
addEventListener('popstate', show);
setInterval(refreshTimes, 5000);
show();
sayMode();
