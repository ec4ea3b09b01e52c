// Search over the dictionaries: a word is looked for once in each distinct name, not once in each row.

import type { Columns, Dictionaries } from "./columns.ts";

export interface Hits {
  rows: Uint8Array;
  // The matching rows, ascending.
  list: Int32Array;
}

const FIELDS = ["name", "agent", "operation", "tool", "model"] as const;

// Those of both.
export function joinHits(hits: Hits | null, more: number[], n: number): Hits {
  const rows = hits ? hits.rows.slice() : new Uint8Array(n);
  for (const row of more) if (row >= 0 && row < n) rows[row] = 1;
  return listHits(rows);
}

// `rows` holds 1 for every row that matches.
export function listHits(rows: Uint8Array): Hits {
  const list = new Int32Array(rows.reduce((sum, bit) => sum + bit, 0));
  for (let row = 0, at = 0; row < rows.length; row++) if (rows[row]) list[at++] = row;
  return { rows, list };
}

// Every word of the query must be found in some field of the row.
export function searchRows(columns: Columns, dictionaries: Dictionaries, query: string): Hits | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const rows = new Uint8Array(columns.n).fill(1);
  for (const word of words) keepMatches(columns, dictionaries, word, rows);
  return listHits(rows);
}

function keepMatches(columns: Columns, dictionaries: Dictionaries, word: string, rows: Uint8Array): void {
  const found = new Uint8Array(columns.n);
  for (const field of FIELDS) {
    const codes = Uint8Array.from(dictionaries[field], (text) => (text.toLowerCase().includes(word) ? 1 : 0));
    if (!codes.includes(1)) continue;
    const column = columns[field];
    for (let row = 0; row < columns.n; row++) found[row] |= codes[column[row]];
  }
  for (let row = 0; row < columns.n; row++) rows[row] &= found[row];
}

// The place in `list` of the next match after (or before) `row`, going round at the ends; -1 when there is none.
export function stepHit(list: Int32Array, row: number, direction: 1 | -1): number {
  if (list.length === 0) return -1;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < row) low = middle + 1;
    else high = middle;
  }
  if (direction === 1) return (list[low] === row ? low + 1 : low) % list.length;
  return (low - 1 + list.length) % list.length;
}

// Where the words stand in a text, as sorted, merged [from, to) pairs, for marking.
export function findMarks(text: string, query: string): [number, number][] {
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return [];
  const marks: [number, number][] = [];
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) marks.push([at, at + word.length]);
  }
  marks.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of marks) {
    const previous = merged[merged.length - 1];
    if (previous && from <= previous[1]) previous[1] = Math.max(previous[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
