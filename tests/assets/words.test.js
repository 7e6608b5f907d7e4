//! How things are said, and that no page has a way to turn text into markup.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { ago, count, duration, money } from '../../assets/phrases.js';

test('times, lengths, numbers and money', () => {
  const now = Date.parse('2026-02-18T09:30:00Z');
  const table = /** @type {const} */ ([[0, 'just now'], [9, 'just now'], [42, '42 seconds ago'], [60, '1 minute ago'], [3599, '59 minutes ago'], [86_400, 'yesterday'], [172_800, '2 days ago'], [40 * 86_400, 'last month']]);
  for (const [seconds, text] of table) assert.equal(ago(now - seconds * 1000, now), text);
  assert.deepEqual([999, 61_000, 3_720_000, -5].map(duration), ['1 s', '1 min 1 s', '1 h 2 min', '0 s']);
  assert.deepEqual([0, 1234567, null, undefined].map(count), ['0', '1,234,567', '–', '–']);
  assert.deepEqual([0, 2100, 184_300, 12_000_000, null].map(money), ['$0.00', '$0.0021', '$0.18', '$12.00', '–']);
});

test('no source turns text into markup or code, or loads from elsewhere', async () => {
  const root = new URL('../../assets/', import.meta.url);
  const names = (await readdir(root, { recursive: true })).filter((name) => /\.(js|html|css)$/.test(name));
  assert.ok(names.length >= 10, names.join());
  for (const name of names) {
    const text = await readFile(new URL(name, root), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc/, name);
    assert.doesNotMatch(text, /(src|href)="https?:|@import url|import\(?\s*['"]https?:|style="/, name);
  }
});
