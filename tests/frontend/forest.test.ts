import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBits, decodeColumns, FLAG, nest } from "#src/columns.ts";
import { collapseToDepth, extentOf, inheritAgents, lastSigns, listIdle, listSorted, listVisible, shapeForest, sumSubtrees } from "#src/forest.ts";
import { makeColumns, pack } from "./made.ts";

// 0 ┬ 1 ┬ 2        6 ─ 7
//   │   └ 3
//   └ 4 ─ 5
const ENDS = [6, 4, 3, 4, 6, 6, 8, 8];
const WHOLE = { from: 0, to: 8 };

test("parent and depth follow from the subtree ends alone", () => {
  const { parent, depth } = nest(Int32Array.from(ENDS));
  assert.deepEqual([...parent], [-1, 0, 1, 1, 0, 4, -1, 6]);
  assert.deepEqual([...depth], [0, 1, 2, 2, 1, 2, 0, 1]);
});

test("packed columns come back as they were, at any byte offset", () => {
  const { bytes, header } = pack({ end: ENDS, start: [0, 1, 2, 3, 4, 5, 6, 7.5] });
  const shifted = new Uint8Array(bytes.byteLength + 3);
  shifted.set(bytes, 3);
  for (const packed of [bytes, new DataView(shifted.buffer, 3)]) {
    const columns = decodeColumns(packed, header);
    assert.equal(columns.start[7], 7.5);
    assert.deepEqual([...columns.end], ENDS);
  }
});

test("ends that point backwards or past the parent are pulled in, so that every walk ends", () => {
  const { bytes, header } = pack({ end: [3, 0, 99, 99] });
  assert.deepEqual([...decodeColumns(bytes, header).end], [3, 2, 3, 4]);
});

test("a collapsed row hides exactly its subtree", () => {
  const columns = makeColumns({ end: ENDS });
  const shape = shapeForest(columns, false);
  assert.deepEqual([...listVisible(columns, shape, Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0), WHOLE)], [0, 1, 4, 5, 6, 7]);
  assert.deepEqual([...listVisible(columns, shape, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), WHOLE)], [0, 6, 7]);
  assert.deepEqual([...listVisible(columns, shape, new Uint8Array(8), { from: 6, to: 8 })], [6, 7]);
});

test("folded plumbing hands its children to the nearest shown ancestor", () => {
  const columns = makeColumns({ end: ENDS, operation: [1, 0, 1, 1, 0, 0, 0, 1] });
  const shape = shapeForest(columns, true);
  assert.deepEqual([...listVisible(columns, shape, new Uint8Array(8), WHOLE)], [0, 2, 3, 6, 7]);
  assert.deepEqual([shape.parent[2], shape.level[2], shape.position[3], shape.children[0]], [0, 1, 2, 2]);
});

test("plumbing that failed or carries a finding is never folded", () => {
  const columns = makeColumns({ end: ENDS, operation: new Array(8).fill(0), status: [0, 0, 2, 0, 0, 0, 0, 0], flags: [0, 0, 0, 0, 0, FLAG.finding, 0, 0] });
  assert.deepEqual([...listVisible(columns, shapeForest(columns, true), new Uint8Array(8), WHOLE)], [0, 2, 5, 6]);
});

test("opening to a depth shows that many levels", () => {
  const columns = makeColumns({ end: ENDS });
  const shape = shapeForest(columns, false);
  const collapsed = new Uint8Array(8);
  const shown = (depth: number) => (collapseToDepth(shape, collapsed, depth), [...listVisible(columns, shape, collapsed, WHOLE)]);
  assert.deepEqual(shown(1), [0, 6]);
  assert.deepEqual(shown(2), [0, 1, 4, 6, 7]);
  assert.equal(shown(Infinity).length, 8);
});

test("children in order of a weight stay below their parent, and a closed row still hides its subtree", () => {
  const columns = makeColumns({ end: ENDS, tokens: [0, 5, 1, 9, 7, 0, 3, 0] });
  const shape = shapeForest(columns, false);
  const heaviest = (a: number, b: number) => columns.tokens[b] - columns.tokens[a] || a - b;
  const list = (collapsed: number[], scope = WHOLE) => [...listSorted(columns, shape, Uint8Array.from(collapsed), scope, heaviest)];
  assert.deepEqual(list([0, 0, 0, 0, 0, 0, 0, 0]), [6, 7, 0, 4, 5, 1, 3, 2]);
  assert.deepEqual(list([0, 1, 0, 0, 0, 0, 0, 0]), [6, 7, 0, 4, 5, 1]);
  assert.deepEqual(list([0, 0, 0, 0, 0, 0, 0, 0], { from: 0, to: 6 }), [0, 4, 5, 1, 3, 2]);
});

test("a run is idle where none of its children runs, however they overlap", () => {
  const columns = makeColumns({ end: [4, 2, 3, 4], start: [0, 100, 150, 800], duration: [1000, 100, 250, 100] });
  const last = lastSigns(columns);
  assert.deepEqual(listIdle(columns, last, 0).map((pair) => pair.map(Math.round)), [[0, 100], [400, 800], [900, 1000]]);
  assert.deepEqual(listIdle(columns, last, 1), []);
});

test("sums go up the tree; money without a price stays unpriced and is not zero", () => {
  const sums = sumSubtrees(makeColumns({ end: ENDS, tokens: [1, 2, 4, 8, 16, 32, 64, 128], cost: [NaN, NaN, 0.5, NaN, NaN, NaN, NaN, NaN] }));
  assert.deepEqual([...sums.tokens], [63, 14, 4, 8, 48, 32, 192, 128]);
  assert.equal(sums.cost[0], 0.5);
  assert.ok(Number.isNaN(sums.cost[4]) && Number.isNaN(sums.cost[6]));
});

test("an unfinished span lives as long as the last sign from below it", () => {
  const last = lastSigns(makeColumns({ end: [3, 3, 3], start: [0, 5, 7], duration: [NaN, NaN, 2] }));
  assert.ok(Math.abs(last[0] - 9) < 1e-3 && last[0] === last[1] && last[1] === last[2]);
});

test("spans without a time do not stretch the extent, and without any time there is none", () => {
  const columns = makeColumns({ end: [1, 2, 3], start: [NaN, 10, 20], duration: [NaN, 5, 5] });
  const extent = extentOf(columns, lastSigns(columns), { from: 0, to: 3 })!;
  assert.deepEqual([extent.from, Math.round(extent.to)], [10, 25]);
  assert.equal(extentOf(columns, lastSigns(columns), { from: 0, to: 1 }), null);
});

test("a row without an agent belongs to the nearest agent above it", () => {
  assert.deepEqual([...inheritAgents(makeColumns({ end: ENDS, agent: [1, 0, 2, 0, 0, 0, 0, 3] }))], [1, 1, 2, 1, 1, 1, 0, 3]);
});

test("highlight bits are read lowest first; no bytes means no highlight", () => {
  assert.deepEqual([...decodeBits(Uint8Array.of(0b101, 0b1), 9)!], [1, 0, 1, 0, 0, 0, 0, 0, 1]);
  assert.equal(decodeBits(new Uint8Array(0), 9), null);
});
