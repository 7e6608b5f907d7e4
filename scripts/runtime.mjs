// What the local runtime is told: the bindings of wrangler.toml, the built Worker, where state is kept, and the socket.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { built, root } from './places.mjs';
import { settingsOf } from './settings.mjs';

export const address = '127.0.0.1';

const module = (path) => path.endsWith('.wasm')
  ? { type: 'CompiledWasm', path: join(root, path), contents: readFileSync(join(root, path)) }
  : { type: 'ESModule', path: join(root, path), contents: readFileSync(join(root, path), 'utf8') };

/** The bindings of wrangler.toml with the settings of this environment alone, in the form that Miniflare takes. */
export async function runtimeOptions({ port, state, environment }) {
  const [{ unstable_getMiniflareWorkerOptions: read }, { convertV4MiniflareOptions: convert }] = await Promise.all([import('wrangler'), import('miniflare')]);
  const { workerOptions } = read(join(root, 'wrangler.toml'));
  const assets = workerOptions.assets && existsSync(workerOptions.assets.directory) ? workerOptions.assets : undefined;
  return convert({
    host: address, cf: false,
    resourcePersistencePath: state, logRequests: false,
    telemetry: { enabled: false },
    handleStructuredLogs: ({ message }) => console.log(message),
    workers: [
      { name: 'front', compatibilityDate: workerOptions.compatibilityDate, compatibilityFlags: ['service_binding_extra_handlers'], modulesRoot: root, modules: [module('scripts/front.js')], serviceBindings: { PORTER: 'porter' }, unsafeDirectSockets: [{ host: address, port }] },
      { ...workerOptions, name: 'porter', bindings: settingsOf(environment), assets, modulesRoot: built, modules: [module('build/index.js'), module('build/index_bg.wasm')] },
    ],
  });
}

