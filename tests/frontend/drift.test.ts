import assert from "node:assert/strict";
import { test } from "node:test";
import { foldEqual, formatCostDelta, formatDelta, type Row } from "#src/compare.ts";
import { describeRelease, formatAxis, formatMeasure, stretches } from "#src/drift.ts";

const row = (place: number, depth: number, change: Row["change"] = "same"): Row => ({ place, depth, change, name: `s${place}` });

test("equal steps are folded, what stands above a difference is not", () => {
  const rows = [row(0, 0), row(1, 1), row(2, 2), row(3, 2), row(4, 1), row(5, 2, "changed"), row(6, 1), row(7, 1), row(8, 1)];
  assert.deepEqual(foldEqual(rows, new Set()).map((item) => ("row" in item ? item.row.place : [item.from, item.to])), [0, [1, 4], 4, 5, [6, 9]]);
  assert.equal(foldEqual(rows, new Set([1])).length, 7);
  assert.deepEqual(foldEqual([], new Set()), []);
});

test("every row is drawn or folded exactly once", () => {
  for (let seed = 1; seed < 40; seed++) {
    const rows = Array.from({ length: 30 }, (_, at) => row(at, (at * seed) % 4, (at * seed) % 7 === 0 ? "moved" : "same"));
    const covered = foldEqual(rows, new Set()).flatMap((item) => ("row" in item ? [item.row.place] : Array.from({ length: item.to - item.from }, (_, n) => item.from + n)));
    assert.deepEqual(covered, rows.map(({ place }) => place));
  }
});

test("a difference carries its sign, and none is empty", () => {
  assert.equal(formatDelta(3, String), "+3");
  assert.equal(formatDelta(-3, String), "−3");
  assert.equal(formatDelta(0, String), "");
  assert.equal(formatDelta(undefined, String), "");
});

test("a small cost keeps its sign and its digits, and none at all is empty", () => {
  assert.equal(formatCostDelta(-0.00003), "−$0.00003");
  assert.equal(formatCostDelta(0.0016), "+$0.0016");
  assert.equal(formatCostDelta(1e-9), "≈ $0");
  assert.equal(formatCostDelta(0), "");
  assert.equal(formatCostDelta(undefined), "");
});

test("an axis of more than a year says the year", () => {
  const time = Date.UTC(2025, 5, 14, 10), day = 86_400_000;
  assert.deepEqual([day, 30 * day, 400 * day].map((length) => formatAxis(time, length)), ["10:00", "06-14", "2025-06-14"]);
});

test("a course breaks where nothing was observed", () => {
  const point = (time: number, value: number | null): [number, number, number | null, null, null] => [time, value === null ? 0 : 7, value, null, null];
  assert.deepEqual(stretches([point(0, 1), point(1, null), point(2, 3), point(3, 4)]).map((part) => part.map(([time]) => time)), [[0], [2, 3]]);
  assert.deepEqual(stretches([]), []);
});

test("figures carry their unit, and hostile versions stay on one line", () => {
  assert.equal(formatMeasure(0.125, "%"), "12.5 %");
  assert.equal(formatMeasure(0.00123, "USD"), "$0.0012");
  const part = { kind: "prompt_version", value_before: "v1\nx", value: "\u202ev2", share: 1, removed: null, added: null };
  assert.equal(describeRelease({ agent_name: "a", at: 0, parts: [part] }), "prompt version v1 ↵ x → ⟨U+202E⟩v2");
});
