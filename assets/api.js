//! Porter's JSON API from the page: every call, and what went wrong in words.

/** @import {Local, StartupCheck, Task, TaskPage} from './shapes.d.ts' */

/** An answer that is not a success, or none. `message` is for people. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} message
   * @param {string | null} requestId
   */
  constructor(status, message, requestId) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/** @type {Promise<Local | null> | undefined} */
let asked;

/** What the start script says, asked once; null when Porter does not run by it. @returns {Promise<Local | null>} */
export function local() {
  asked ??= call('GET', '/api/local').then(
    (answer) => /** @type {Local} */ (answer),
    (/** @type {ApiError} */ error) => {
      if (error.status !== 404) asked = undefined;
      return null;
    },
  );
  return asked;
}

/**
 * A page of tasks.
 * @param {{status: string, cursor: string | null, signal: AbortSignal}} wanted
 * @returns {Promise<TaskPage>}
 */
export async function tasks({ status, cursor, signal }) {
  const query = new URLSearchParams({ limit: '30' });
  if (status) query.set('status', status);
  if (cursor) query.set('cursor', cursor);
  return /** @type {TaskPage} */ (await call('GET', `/api/tasks?${query}`, { signal }));
}

/**
 * One task.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Task>}
 */
export async function task(id, signal) {
  return /** @type {Task} */ (await call('GET', `${taskPath(id)}/status`, { signal }));
}

/** Asks for a stop. @param {string} id */
export async function stop(id) {
  await call('POST', `${taskPath(id)}/stop`, { body: {} });
}

/**
 * Makes a new task of a final one; gives its id.
 * @param {string} id
 * @returns {Promise<string>}
 */
export async function retry(id) {
  const answer = /** @type {{task_id: string}} */ (await call('POST', `${taskPath(id)}/retry`, { body: {} }));
  return answer.task_id;
}

/** Whether the instance has what it needs. @param {AbortSignal} signal @returns {Promise<StartupCheck>} */
export async function startupCheck(signal) {
  return /** @type {StartupCheck} */ (await call('GET', '/api/startup/check', { signal, accept: [503] }));
}

/** Writes the demo comment. @param {Local} demo @param {string} body */
export async function comment(demo, body) {
  await call('POST', demo.comment_url, { body: { body } });
}

/** The address of a task's events. @param {string} id */
export function eventsUrl(id) {
  return `${taskPath(id)}/events`;
}

/** @param {string} id */
function taskPath(id) {
  return `/api/tasks/${encodeURIComponent(id)}`;
}

/**
 * @param {'GET' | 'POST'} method
 * @param {string} address
 * @param {{body?: unknown, signal?: AbortSignal, accept?: number[]}} [more] `accept`: error statuses whose body is an answer
 * @returns {Promise<unknown>}
 */
async function call(method, address, { body, signal, accept = [] } = {}) {
  const url = new URL(address, location.href);
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (method !== 'GET') {
    headers['content-type'] = 'application/json';
    const token = (await local())?.start_token;
    // The start-up token opens Porter's own API and is told to nobody else.
    if (token && url.origin === location.origin) headers['x-porter-start-token'] = token;
  }
  /** @type {RequestInit} */
  const request = { method, headers };
  if (signal) request.signal = signal;
  if (body !== undefined) request.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'Porter does not answer. Is it running, and are you online?', null);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok || accept.includes(response.status)) {
    if (answer === null && response.status === 200) {
      throw new ApiError(response.status, 'Porter gave an answer this page cannot read.', null);
    }
    return answer;
  }
  const told = answer?.error;
  const message = typeof told?.message === 'string' ? told.message : `Porter answered with status ${response.status}.`;
  throw new ApiError(response.status, message, typeof told?.request_id === 'string' ? told.request_id : null);
}
