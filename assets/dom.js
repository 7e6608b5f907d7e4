//! Elements without markup strings: text is always text, whoever wrote it.

/** @typedef {Node | string | null | false} Child */

/**
 * Makes an element. Properties are attributes, except `on…` (listeners) and those set to null or false (left out).
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} properties
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/** Puts these children in place of all others. @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== false));
}

/** Sets an element's text only if it differs, so that screen readers and selections are left in peace. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tells people who do not see the page. @param {string} text */
export function announce(text) {
  const announcer = document.getElementById('announcer');
  if (announcer) announcer.textContent = text;
}

/**
 * A link to another site, only if it is one: anything but http and https becomes text.
 * @param {string} address
 * @param {Record<string, string>} properties
 * @param {...Child} children
 */
export function outside(address, properties, ...children) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || !['https:', 'http:'].includes(url.protocol)) return el('span', {}, ...children);
  return el('a', { ...properties, href: url.href, rel: 'noreferrer noopener', target: '_blank' }, ...children);
}

/**
 * A notice. Problems are read out at once.
 * @param {'problem' | 'note'} kind
 * @param {string} title
 * @param {...Child} children
 */
export function notice(kind, title, ...children) {
  const role = kind === 'problem' ? 'alert' : null;
  return el('div', { class: `notice ${kind}`, role }, el('p', { class: 'notice-title' }, title), ...children);
}

/** A problem in words, with the id that finds it in the log. @param {string} title @param {unknown} error */
export function problem(title, error) {
  const message = error instanceof Error ? error.message : String(error);
  const id = error instanceof Error && 'requestId' in error && error.requestId ? String(error.requestId) : null;
  return notice('problem', title, el('p', {}, message), id !== null && el('p', { class: 'quiet' }, `Request ${id}`));
}

/** A text to be copied, with its button. @param {string} text */
export function copyable(text) {
  const button = el('button', { type: 'button', class: 'small', onclick: copy }, 'Copy');
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      say(button, 'Copied');
      announce('Copied');
    } catch {
      say(button, 'Select and copy');
    }
    setTimeout(() => say(button, 'Copy'), 2000);
  }
  return el('div', { class: 'copyable' }, el('code', {}, text), button);
}
