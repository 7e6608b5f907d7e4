// The Worker's module: hands the platform's events to Rust. The one place where JavaScript catches what even Rust could not.

import { WorkerEntrypoint } from 'cloudflare:workers';
import * as porter from './index.js';

export default class extends WorkerEntrypoint {
  async fetch(request) {
    try {
      return await porter.fetch.call(this, request, this.env, this.ctx);
    } catch (fault) {
      // A trap (out of memory, a stack overflow): wasm-bindgen makes a new instance for the next request.
      const request_id = crypto.randomUUID();
      console.log(JSON.stringify({ level: 'error', message: 'The Worker failed', request_id, fault: String(fault) }));
      return Response.json({ error: { code: 'internal', message: 'Something went wrong in Porter.', request_id } }, { status: 500 });
    }
  }

  async scheduled(event) {
    await porter.scheduled.call(this, event, this.env, this.ctx);
  }
}
