// Small forests for the tests.

import { decodeColumns, type Columns, type Header } from "#src/columns.ts";

const TYPES = {
  start: Float64Array, duration: Float32Array, end: Int32Array, name: Uint16Array, agent: Uint16Array, operation: Uint8Array, tool: Uint16Array,
  model: Uint16Array, status: Uint8Array, tokens: Uint32Array, cost: Float32Array, flags: Uint16Array,
};
const WIRE: Record<string, string> = {
  Float64Array: "f64", Float32Array: "f32", Int32Array: "i32", Uint32Array: "u32", Uint16Array: "u16", Uint8Array: "u8",
};

export type Given = Partial<Record<keyof typeof TYPES, ArrayLike<number>>>;

export function pack(given: Given, dictionaries: Partial<Header["dictionaries"]> = {}): { bytes: Uint8Array; header: Header } {
  const n = given.end!.length;
  const columns: Header["columns"] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, make] of Object.entries(TYPES)) {
    const array = make.from(given[name as keyof typeof TYPES] ?? new Array(n).fill(0));
    const padded = new Uint8Array(Math.ceil(array.byteLength / 8) * 8);
    padded.set(new Uint8Array(array.buffer));
    columns.push([name, WIRE[make.name], offset]);
    parts.push(padded);
    offset += padded.length;
  }
  const bytes = new Uint8Array(offset);
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  const none = { name: [""], agent: [""], operation: [""], tool: [""], model: [""] };
  return { bytes, header: { n, columns, dictionaries: { ...none, ...dictionaries }, origin_ms: 0, traces: [], trace_count: 0, notes: [] } };
}

export function makeColumns(given: Given): Columns {
  const { bytes, header } = pack(given);
  return decodeColumns(bytes, header);
}

// The same numbers on every run.
export function seeded(seed: number): () => number {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32);
}
