// Fires cron at a local Worker, as Cloudflare does at a deployed one: on time, and not while the last one is still at work.

const path = '/cdn-cgi/handler/scheduled?cron=*+*+*+*+*';

/** One tick, now. */
export const tick = (worker) => fetch(worker + path, { signal: AbortSignal.timeout(120_000) });

/** Every `interval_ms`, until the timer is cleared. What goes wrong is said, and the next one comes all the same. */
export function fireCron(worker, interval_ms, say = console.log) {
  let busy = false;
  return setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      const answer = await tick(worker);
      if (!answer.ok) say(`cron: ${answer.status} ${await answer.text()}`);
    } catch (error) {
      say(`cron: ${error.message}`);
    } finally {
      busy = false;
    }
  }, interval_ms);
}
