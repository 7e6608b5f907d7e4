// The Worker as it is built, with a database that can be told to throw at a statement, where the library below Porter takes for
// granted that it does not: it panics. For tests/workerd/panics.test.mjs; runs inside workerd.

import Porter from './index.js';

/** The next `left` statements with this text in them throw. */
const fault = { text: '', left: 0 };

function throwing(database) {
  return new Proxy(database, {
    get(target, name) {
      const value = target[name];
      if (name === 'prepare') {
        return (sql) => {
          if (fault.left > 0 && sql.includes(fault.text)) {
            fault.left -= 1;
            throw new Error('thrown on purpose');
          }
          return target.prepare(sql);
        };
      }
      return typeof value === 'function' && name !== 'constructor' ? value.bind(target) : value;
    },
  });
}

export default class extends Porter {
  constructor(context, env) {
    super(context, { ...env, DB: throwing(env.DB) });
  }

  /** Besides Porter's own: `/api/_fault?text=…&times=N` arms the fault and tells what is left of it and which instance this is. */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/api/_fault') return super.fetch(request);
    if (searchParams.has('text')) Object.assign(fault, { text: searchParams.get('text'), left: Number(searchParams.get('times') ?? 1) });
    return Response.json({ left: fault.left, instance: globalThis.__worker_init_state.instanceId });
  }
}
