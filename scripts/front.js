// What Cloudflare does and the local runtime does not: a cron event on request. Everything else goes to the Worker untouched,
// bodies as the runtime's own streams. Runs inside workerd, before the Worker; never deployed.

export default {
  async fetch(request, { PORTER }) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/cdn-cgi/handler/scheduled') return PORTER.fetch(request);
    const { outcome } = await PORTER.scheduled({ cron: searchParams.get('cron') ?? '', scheduledTime: new Date(Number(searchParams.get('time')) || Date.now()) });
    return new Response(outcome, { status: outcome === 'ok' ? 200 : 500 });
  },
};
