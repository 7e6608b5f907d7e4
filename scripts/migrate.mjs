// Applies migrations/*.sql to a local D1 database, in order, each in one transaction with its row in `d1_migrations`: the same
// table and names that `wrangler d1 migrations apply` keeps.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

const table = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

/** @returns {Promise<string[]>} the names of those that were applied now. */
export async function migrate(database) {
  const directory = join(root, 'migrations');
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.sql')).sort() : [];
  await database.prepare(table).run();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const known = new Set(results.map((row) => row.name));
  const due = names.filter((name) => !known.has(name));
  for (const name of due) {
    // One text is one query, and one query is one transaction: a kill leaves all of it or nothing.
    await database.prepare(`${readFileSync(join(directory, name), 'utf8')}\n;INSERT INTO d1_migrations(name) VALUES ('${name.replaceAll("'", "''")}');`).run();
  }
  return due;
}
