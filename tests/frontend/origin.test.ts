import assert from "node:assert/strict";
import { test } from "node:test";
import { fitPassage } from "#src/origin.ts";
import { layOut, sayStep, sayWay, type Hop, type Step, type Way } from "#src/origin_picture.ts";

const step = (lane: string, more: Partial<Step> = {}): Step =>
  ({ key: lane, lane, kind: "model", name: "model", sides: ["heard"], span_id: null, trace_id: null, time_ms: 0, is_error: false, is_similar: false, marked: false, passage: null, place: "", ...more });
const hop = (from: number, to: number, more: Partial<Hop> = {}): Hop => ({ from, to, kind: "carried", confidence: "certain", via: null, ...more });
const way = (steps: Step[], hops: Hop[]): Way => ({ asked: "4,812", is_step: false, lanes: [...new Set(steps.map(({ lane }) => lane))], steps, hops, notes: [] });

test("rows follow one another without overlap, and one with several arrows has room for their labels", () => {
  const { tops, bottoms, height } = layOut(way([step("a"), step("b"), step("a")], [hop(0, 1), hop(0, 2), hop(1, 2)]), 900);
  tops.slice(1).forEach((top, at) => assert.ok(top >= bottoms[at]!));
  assert.ok(bottoms[2]! - tops[2]! > bottoms[1]! - tops[1]!);
  assert.equal(height, bottoms[2]);
});

test("what is similar begins after a gap, and no dot moves because of it", () => {
  const { tops, bottoms, divided, dots } = layOut(way([step("a"), step("b", { is_similar: true })], []), 900);
  assert.equal(divided, 1);
  assert.ok(tops[1]! > bottoms[0]!);
  assert.ok(dots[0]![1] > tops[0]! && dots[0]![1] < bottoms[0]!);
});

test("however many lanes there are, each keeps room, and no step leaves the picture", () => {
  const steps = Array.from({ length: 14 }, (_, at) => step(`agent ${at}`));
  const { wide, dots } = layOut(way(steps, []), 600);
  assert.ok(wide >= 60);
  dots.slice(1).forEach(([x], at) => assert.ok(x > dots[at]![0]));
});

test("a passage stays in sight, whatever stands before it", () => {
  const [before, passage] = fitPassage(["x".repeat(90), "48,217.30", "y"], 40);
  assert.equal(passage, "48,217.30");
  assert.ok(before.length + passage.length <= 40);
  assert.deepEqual(fitPassage(["a whole text", "", ""], 5), ["a whole text", "", ""]);
});

test("arrows and steps are told in words", () => {
  assert.equal(sayWay(hop(0, 1, { kind: "read_after_write", confidence: "likely" })), "read after write, likely");
  assert.equal(sayWay(hop(0, 1, { kind: "quoted", via: "handoff" })), "handoff, quoted");
  assert.equal(sayWay(hop(0, 1, { kind: "handoff", via: "handoff" })), "handoff");
  assert.equal(sayStep(step("a", { kind: "tool", name: "crm", sides: ["said"] }), false), "crm answered");
  assert.equal(sayStep(step("a", { sides: ["heard", "said"] }), true), "model was shown and said");
});
