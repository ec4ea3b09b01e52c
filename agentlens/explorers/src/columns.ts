// The wire: packed columns -> typed arrays. Rows stand in depth-first pre-order over a forest, so a subtree is `row … end[row]`.
//
// Code columns (name, agent, operation, tool, model) index `header.dictionaries`; code 0 is always "" and means "not recorded".

export const STATUS = { unset: 0, ok: 1, error: 2 } as const;

export const FLAG = {
  orphan: 1, unfinished: 2, finding: 4, controlFlow: 8, critical: 16, cycle: 32,
  // How bad the worst finding is; neither: info.
  findingWarning: 64, findingCritical: 128,
  // The same again, after it failed.
  retry: 256,
} as const;

export interface TraceMark {
  row: number;
  end: number;
  trace_id: string;
  label: string;
}

export interface Dictionaries {
  name: string[];
  agent: string[];
  operation: string[];
  tool: string[];
  model: string[];
  // What changed since the agent's span before: "prompt v13 → v14".
  stamp?: string[];
}

// When an agent reported trouble, in ms since the origin.
export interface BlockedStretch {
  agent: string;
  from: number;
  to: number;
  status: string;
  detail: string | null;
}

export interface Header {
  n: number;
  columns: [name: string, dtype: string, byteOffset: number][];
  dictionaries: Dictionaries;
  // Epoch milliseconds of time zero; null when the log has no clock.
  origin_ms: number | null;
  // The first thousand or so; `trace_count` says how many there are.
  traces: TraceMark[];
  trace_count: number;
  notes: string[];
  blocked?: BlockedStretch[];
}

// Each code column is as narrow as its dictionary allows.
export type Codes = Uint8Array | Uint16Array | Uint32Array;

export interface Columns {
  n: number;
  start: Float64Array;
  duration: Float32Array;
  end: Int32Array;
  name: Codes;
  agent: Codes;
  operation: Codes;
  tool: Codes;
  model: Codes;
  stamp?: Codes;
  status: Uint8Array;
  tokens: Uint32Array;
  cost: Float32Array;
  flags: Uint16Array;
  // Derived from `end`, so they are not sent.
  parent: Int32Array;
  depth: Int32Array;
}

const ARRAYS = {
  f64: Float64Array, f32: Float32Array, i32: Int32Array, u32: Uint32Array, u16: Uint16Array, u8: Uint8Array,
};

export type Packed = DataView | ArrayBuffer | Uint8Array | null | undefined;

// Bytes as anywidget or the report hand them over -> a buffer whose columns are aligned.
function alignedBuffer(packed: Packed): [ArrayBuffer, number] {
  if (!packed) return [new ArrayBuffer(0), 0];
  if (packed instanceof ArrayBuffer) return [packed, 0];
  const buffer = packed.buffer as ArrayBuffer;
  if (packed.byteOffset % 8 === 0) return [buffer, packed.byteOffset];
  return [buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength), 0];
}

// One column alone, as it is on the wire.
export function readColumn(packed: Packed, header: Header, wanted: string): ArrayLike<number> {
  const found = header.columns.find(([name]) => name === wanted);
  if (!found) return [];
  const [buffer, base] = alignedBuffer(packed);
  return new ARRAYS[found[1] as keyof typeof ARRAYS](buffer, base + found[2], header.n);
}

export function decodeColumns(packed: Packed, header: Header): Columns {
  const [buffer, base] = alignedBuffer(packed);
  const columns: Record<string, unknown> = { n: header.n };
  for (const [name, dtype, offset] of header.columns) {
    const make = ARRAYS[dtype as keyof typeof ARRAYS];
    if (!make) throw new Error(`column ${name} has the unknown type ${dtype}`);
    columns[name] = new make(buffer, base + offset, header.n);
  }
  const decoded = columns as unknown as Columns;
  if (header.n > 0) repairEnds(decoded.end);
  return Object.assign(decoded, nest(header.n > 0 ? decoded.end : new Int32Array(0)));
}

// A subtree end that points backwards or past its parent would make walks loop for ever.
function repairEnds(end: Int32Array): void {
  const open: number[] = [];
  for (let row = 0; row < end.length; row++) {
    while (open.length && open[open.length - 1] <= row) open.pop();
    const limit = open.length ? open[open.length - 1] : end.length;
    if (end[row] <= row || end[row] > limit) end[row] = end[row] <= row ? row + 1 : limit;
    open.push(end[row]);
  }
}

// Parent and depth of every row, from the subtree ends alone.
export function nest(end: Int32Array): { parent: Int32Array; depth: Int32Array } {
  const parent = new Int32Array(end.length);
  const depth = new Int32Array(end.length);
  const open: number[] = [];
  for (let row = 0; row < end.length; row++) {
    while (open.length && end[open[open.length - 1]] <= row) open.pop();
    parent[row] = open.length ? open[open.length - 1] : -1;
    depth[row] = open.length;
    open.push(row);
  }
  return { parent, depth };
}

// One bit a row, lowest bit first; empty means "no highlight".
export function decodeBits(packed: Packed, n: number): Uint8Array | null {
  const [buffer, base] = alignedBuffer(packed);
  const length = packed ? packed.byteLength : 0;
  if (length === 0) return null;
  const bytes = new Uint8Array(buffer, base, length);
  const rows = new Uint8Array(n);
  for (let row = 0; row < n; row++) rows[row] = ((bytes[row >> 3] ?? 0) >> (row & 7)) & 1;
  return rows;
}

const WIDTH: Record<string, number> = { f64: 8, f32: 4, i32: 4, u32: 4, u16: 2, u8: 1 };

// Columns that stand byte by byte, which packs better, as they are read: row by row.
export function unshuffle(bytes: Uint8Array, { n, columns }: Header): Uint8Array {
  const rows = bytes.slice();
  for (const [, dtype, offset] of columns)
    for (let byte = 0, width = WIDTH[dtype]; byte < width; byte++)
      for (let row = 0; row < n; row++) rows[offset + row * width + byte] = bytes[offset + byte * n + row];
  return rows;
}
