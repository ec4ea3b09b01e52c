import assert from "node:assert/strict";
import { test } from "node:test";
import { inheritAgents, lastSigns, shapeForest } from "#src/forest.ts";
import { firstRunningAt, firstStartingAt, packLanes, type Packing } from "#src/lanes.ts";
import type { Columns } from "#src/columns.ts";
import { listAlive, makeClock, PLAIN } from "#src/idle.ts";
import { makeColumns, seeded } from "./made.ts";

function packAll(columns: Columns): Packing {
  return packLanes(columns, shapeForest(columns, false), inheritAgents(columns), lastSigns(columns), { from: 0, to: columns.n });
}

// A random forest with concurrent siblings, several agents, and now and then no end or no start.
function randomForest(n: number, seed: number): Columns {
  const random = seeded(seed);
  const [start, duration, agent, end] = [new Array<number>(n), new Array<number>(n), new Array<number>(n), new Array<number>(n)];
  const open: number[] = [];
  for (let row = 0; row < n; row++) {
    while (open.length && random() < 0.35) end[open.pop()!] = row;
    const above = open[open.length - 1];
    start[row] = (above === undefined ? random() * 1000 : start[above]) + random() * 20;
    duration[row] = random() * 60;
    agent[row] = Math.floor(random() * 4);
    if (random() < 0.05) duration[row] = NaN;
    if (random() < 0.02) start[row] = start[row] - 40;
    open.push(row);
  }
  for (const row of open) end[row] = n;
  return makeColumns({ start, duration, agent, end });
}

test("no two spans of one lane overlap, and a lane holds its spans by start", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const columns = randomForest(400, seed);
    const last = lastSigns(columns);
    for (const lane of packAll(columns).agents.flatMap((agent) => agent.lanes)) {
      for (let at = 1; at < lane.length; at++) assert.ok(last[lane[at - 1]] <= columns.start[lane[at]], `seed ${seed}: ${lane[at - 1]} and ${lane[at]}`);
    }
  }
});

test("every timed row stands in exactly one lane, which is its agent's", () => {
  const columns = randomForest(500, 77);
  const agents = inheritAgents(columns);
  const packing = packAll(columns);
  const seen = new Set<number>();
  for (const one of packing.agents) {
    one.lanes.forEach((lane, at) => lane.forEach((row) => {
      assert.equal(agents[row], one.agent);
      assert.equal(packing.laneOf[row], one.top + at);
      assert.ok(!seen.has(row));
      seen.add(row);
    }));
  }
  assert.equal(seen.size, columns.n);
});

test("a span lies below its parent of the same agent", () => {
  const columns = makeColumns({ end: [4, 3, 3, 4], start: [0, 1, 2, 6], duration: [10, 3, 1, 2], agent: [1, 1, 1, 1] });
  assert.deepEqual([...packAll(columns).laneOf], [0, 1, 2, 1]);
});

test("spans side by side need as many lanes as run at once, and a freed lane is used again", () => {
  const columns = makeColumns({ end: [1, 2, 3, 4], start: [0, 1, 2, 10], duration: [5, 5, 5, 5], agent: [1, 1, 1, 1] });
  assert.deepEqual([...packAll(columns).laneOf], [0, 1, 2, 0]);
});

test("back-to-back spans share a lane although durations are rounded to 32 bits", () => {
  const start = [0, 3_600_000.123];
  const columns = makeColumns({ end: [1, 2], start, duration: [3_600_000.123, 5], agent: [1, 1] });
  assert.equal(packAll(columns).count, 1);
});

test("a thousand spans at once take a thousand lanes, quickly", () => {
  const n = 20_000;
  const columns = makeColumns({ end: Array.from({ length: n }, (_, k) => k + 1), start: Array.from({ length: n }, (_, k) => k), duration: new Array(n).fill(1000), agent: new Array(n).fill(1) });
  const began = performance.now();
  assert.ok(Math.abs(packAll(columns).count - 1000) <= 1);
  assert.ok(performance.now() - began < 2000);
});

test("rows without a start are counted, not placed; agents come in order of appearance, nobody's rows last", () => {
  const columns = makeColumns({ end: [1, 2, 3, 4], start: [5, NaN, 1, 3], duration: [1, 1, 1, 1], agent: [0, 2, 2, 1] });
  const packing = packAll(columns);
  assert.deepEqual(packing.agents.map((one) => one.agent), [2, 1, 0]);
  assert.deepEqual([packing.untimed, packing.laneOf[1]], [1, -1]);
});

test("the span running at a moment is found by bisection", () => {
  const rows = Int32Array.of(0, 1, 2);
  const start = Float64Array.of(0, 10, 20);
  const last = Float64Array.of(5, 15, 25);
  assert.deepEqual([3, 7, 15, 26].map((time) => firstRunningAt(rows, start, last, time)), [0, 1, 1, 3]);
  assert.equal(firstStartingAt(rows, start, 10), 1);
});

test("idle time between trees is cut short, order is kept, and real time comes back from shown time", () => {
  const hour = 3_600_000;
  const columns = makeColumns({ end: [2, 2, 3, 4], start: [0, 10, 12 * hour, 12 * hour + 500], duration: [1000, 5, 1000, 400] });
  const clock = makeClock(listAlive(columns, lastSigns(columns), { from: 0, to: 4 }));
  assert.equal(clock.gaps.length, 1);
  assert.ok(Math.abs(clock.idle - (12 * hour - 1000)) < 1);
  assert.ok(clock.show(12 * hour) - clock.show(1000) < 100);
  let before = -Infinity;
  for (const real of [-5, 0, 10, 999, 2000, 6 * hour, 12 * hour - 1, 12 * hour, 12 * hour + 900, 13 * hour]) {
    assert.ok(clock.show(real) > before);
    before = clock.show(real);
    assert.ok(Math.abs(clock.tell(before) - real) < 1e-3, `${real}`);
  }
});

test("without a gap worth skipping time stays as it is", () => {
  assert.equal(makeClock([[0, 1000], [1050, 2000]]), PLAIN);
  assert.equal(makeClock([]), PLAIN);
  assert.equal(PLAIN.show(123.25), 123.25);
});

test("the next start is found from any place and for any time, as by looking at all", () => {
  const random = seeded(11);
  for (const size of [0, 1, 2, 7, 300]) {
    const start = Float64Array.from({ length: size }, () => Math.floor(random() * 50)).sort();
    const rows = Int32Array.from(start.keys());
    for (let time = -1; time <= 51; time++) {
      const low = Math.floor(random() * (size + 1));
      const found = rows.findIndex((row, at) => at >= low && start[row] >= time);
      assert.equal(firstStartingAt(rows, start, time, low), found < 0 ? size : found);
    }
  }
});
