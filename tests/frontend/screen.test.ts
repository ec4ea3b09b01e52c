import assert from "node:assert/strict";
import { test } from "node:test";
import { measureActivity, BUCKETS } from "#src/activity.ts";
import { chooseView, findPicked, keepRow, pickRow, type ChartsState } from "#src/chart_state.ts";
import { pressKey, type KeyCommands } from "#src/keys.ts";
import { colourRows, isDark } from "#src/palette.ts";
import { findMarks, searchRows, stepHit } from "#src/search.ts";
import { inflate } from "#src/inflate.ts";
import { StaticModel } from "#src/static_host.ts";
import { formatValue, sortRows, type Column } from "#src/table.ts";
import { TreeState } from "#src/tree_state.ts";
import { clampWindow, panBy, windowAround, zoomAbout } from "#src/viewport.ts";
import { lastSigns } from "#src/forest.ts";
import { makeColumns, pack } from "./made.ts";

const LIMITS = { from: 0, to: 1000 };

test("zooming keeps the moment under the pointer where it is", () => {
  const before = { from: 200, to: 600 };
  const after = zoomAbout(before, 300, 0.5, LIMITS);
  assert.ok(Math.abs((300 - after.from) / (after.to - after.from) - 0.25) < 1e-9);
  assert.equal(Math.round(after.to - after.from), 200);
});

test("the window never leaves the trace and never shrinks to nothing", () => {
  assert.ok(panBy({ from: 900, to: 1000 }, 5000, LIMITS).to <= 1020.001);
  assert.ok(clampWindow({ from: 5, to: 5 }, LIMITS).to > 5);
  assert.ok(zoomAbout({ from: 0, to: 1000 }, 500, 100, LIMITS).to <= 1020.001);
  const around = windowAround(10, 20, LIMITS);
  assert.ok(around.from < 10 && around.to > 20);
});

const DICTIONARIES = { name: ["", "chat", "search web"], agent: ["", "Scout"], operation: [""], tool: ["", "grep"], model: [""] };

test("every word of a search must stand in some field of the row, in any letter case", () => {
  const columns = makeColumns({ end: [1, 2, 3], name: [1, 2, 2], agent: [1, 0, 1], tool: [0, 1, 0] });
  const found = (query: string) => [...(searchRows(columns, DICTIONARIES, query)?.list ?? [])];
  assert.deepEqual([found("SCOUT"), found("scout web"), found("grep"), found("nobody"), searchRows(columns, DICTIONARIES, "  ")], [[0, 2], [2], [1], [], null]);
});

test("stepping through matches goes round at both ends", () => {
  const list = Int32Array.of(3, 5, 9);
  assert.deepEqual([stepHit(list, -1, 1), stepHit(list, 3, 1), stepHit(list, 9, 1), stepHit(list, 4, -1), stepHit(list, 3, -1)], [0, 1, 0, 0, 2]);
  assert.equal(stepHit(new Int32Array(0), 3, 1), -1);
});

test("marks cover the words found, merged, and leave texts alone whose lower case is of another length", () => {
  assert.deepEqual(findMarks("Web search web", "web arch"), [[0, 3], [6, 10], [11, 14]]);
  assert.deepEqual(findMarks("aaa", "aa a"), [[0, 3]]);
  assert.deepEqual(findMarks("İstanbul", "i"), []);
});

test("the minimap counts leaves that run at once, and marks where errors begin", () => {
  const columns = makeColumns({ end: [3, 2, 3], start: [0, 0, 500], duration: [1000, 600, 500], status: [0, 0, 2] });
  const { running, most, errors } = measureActivity(columns, lastSigns(columns), { from: 0, to: 3 }, LIMITS);
  assert.equal(most, 2);
  assert.deepEqual([running[0], running[BUCKETS * 0.55], running[BUCKETS - 1]], [1, 2, 1]);
  assert.equal(errors.indexOf(1), BUCKETS / 2);
});

test("a page is dark by what its background computes to", () => {
  assert.deepEqual(["rgb(255, 255, 255)", "rgb(17, 17, 17)", "rgba(30, 30, 34, 1)"].map(isDark), [false, true, true]);
});

test("bars keep 3:1 against their page in both themes, and red is left to errors", () => {
  const columns = makeColumns({ end: [1], agent: [1] });
  const names = Array.from({ length: 21 }, (_, k) => (k ? `a${k}` : ""));
  for (const [theme, page] of [["light", "#ffffff"], ["dark", "#16181c"]] as const) {
    const { colours } = colourRows(columns, { ...DICTIONARIES, agent: names }, columns.agent, "agent", theme);
    assert.equal(new Set(colours).size, 21, "twenty agents and none have a colour each");
    for (const colour of colours) assert.ok(contrast(colour, page) >= 3, `${theme} ${colour} ${contrast(colour, page)}`);
  }
});

function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [r, g, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function makeState(): TreeState {
  const { bytes, header } = pack({ end: [4, 3, 3, 4], start: [0, 1, 2, 6], duration: [10, 3, 1, 2], operation: [1, 1, 0, 1], agent: [1, 1, 1, 1] }, { operation: ["", "chat"], agent: ["", "a"] });
  return new TreeState(bytes, header, null);
}

test("revealing a folded or collapsed row opens whatever hides it", () => {
  const state = makeState();
  state.toggle(0, true);
  assert.equal(state.reveal(2), 2);
  assert.equal(state.fold, false);
});

test("a trace in scope narrows rows and time, and all of it comes back", () => {
  const { bytes, header } = pack({ end: [2, 2, 4, 4], start: [0, 1, 100, 101], duration: [5, 1, 5, 1] });
  header.traces = [{ row: 0, end: 2, trace_id: "a", label: "a" }, { row: 2, end: 4, trace_id: "b", label: "b" }];
  const state = new TreeState(bytes, header, null);
  state.setScope(state.scopeOfTrace(1));
  assert.deepEqual([[...state.visible], state.limits.from], [[2, 3], 100]);
  state.setScope(state.scopeOfTrace(-1));
  assert.equal(state.visible.length, 4);
});

// boss ┬ chat (5 tokens)
//      └ scout ┬ chat (3)
//              └ grep (none)
function makeTeam(blocked: { agent: string; from: number; to: number }[] = []): TreeState {
  const { bytes, header } = pack(
    { end: [5, 2, 5, 4, 5], start: [0, 1, 10, 11, 15], duration: [100, 5, 50, 2, 2], operation: [1, 2, 1, 2, 3], agent: [1, 1, 2, 2, 2], tokens: [0, 5, 0, 3, 0], cost: [NaN, 0.5, NaN, 0.25, NaN] },
    { operation: ["", "invoke_agent", "chat", "execute_tool"], agent: ["", "boss", "scout"] });
  header.blocked = blocked.map((stretch) => ({ ...stretch, status: "BLOCKED", detail: null }));
  return new TreeState(bytes, header, null);
}

test("on an axis of tokens or money bars stand one after the other, as long as what was spent in them and below", () => {
  const state = makeTeam();
  state.setAxis("tokens");
  assert.deepEqual([...state.columns.start], [0, 0, 5, 5, 8]);
  assert.deepEqual([...state.last], [8, 5, 8, 8, 8]);
  assert.deepEqual([0, 1, 2, 3, 4].map((row) => state.isWeightless(row)), [false, false, false, false, true]);
  assert.deepEqual([state.limits, state.weight], [{ from: 0, to: 8 }, "tokens"]);
  assert.equal(state.lanes().agents[1].lanes.length, 2);
  state.setAxis("cost");
  assert.deepEqual([...state.last], [750_000, 500_000, 750_000, 750_000, 750_000]);
  state.setAxis("time");
  assert.deepEqual([[...state.columns.start], state.isWeightless(4)], [[0, 1, 10, 11, 15], false]);
});

test("an axis on which nothing was spent has no length to show", () => {
  const { bytes, header } = pack({ end: [2, 2], start: [0, 1], duration: [5, 2], tokens: [0, 0] });
  const state = new TreeState(bytes, header, null);
  assert.equal(state.timed, true);
  state.setAxis("tokens");
  assert.equal(state.timed, false);
});

test("work is handed over where the row above is another agent's", () => {
  const state = makeTeam();
  assert.deepEqual([...state.handoffs()], [2]);
  assert.deepEqual([0, 1, 2, 3].map((row) => state.isHandoff(row)), [false, false, true, false]);
});

test("trouble stands at the run in which it began, or at the agent's last run before", () => {
  const state = makeTeam([{ agent: "scout", from: 20, to: 30 }, { agent: "scout", from: 200, to: 300 }, { agent: "boss", from: -5, to: 5 }, { agent: "nobody", from: 1, to: 2 }]);
  assert.deepEqual([state.blockedIn(2).map(({ from }) => from), state.blockedIn(0), state.blockedIn(3)], [[20, 200], [], []]);
});

test("a condition's matches are a bit a row: what is not asked lights nothing, what matches nothing is said", () => {
  const state = makeTeam();
  state.search("chat");
  state.setMatches(new DataView(new Uint8Array([0b10100]).buffer));
  assert.deepEqual([[...state.hits!.list], state.query, state.nextHit(1)], [[2, 4], "", 2]);
  state.setMatches(new DataView(new Uint8Array([0]).buffer));
  assert.deepEqual([state.hits!.list.length, state.nextHit(1)], [0, -1]);
  state.setMatches(null);
  assert.equal(state.hits, null);
});

test("arrow keys walk the tree as a tree: down, into, and back to the parent", () => {
  const state = makeState();
  const log: string[] = [];
  const commands = new Proxy({}, { get: (_target, name: string) => (...args: unknown[]) => log.push(`${name} ${args.join(" ")}`.trim()) }) as KeyCommands;
  state.selected = 0;
  for (const key of ["ArrowDown", "ArrowRight", "ArrowLeft", "End", " ", "q"]) pressKey(key, false, state, commands);
  state.selected = 3;
  pressKey("ArrowLeft", false, state, commands);
  pressKey("ArrowLeft", true, state, commands);
  assert.deepEqual(log, ["go 1", "go 1", "toggle 0 true", "go 3", "toggle 0", "go 0", "pan -0.15"]);
});

const COLUMNS: Column[] = [{ name: "agent", label: "agent", kind: "text" }, { name: "cost", label: "cost USD", kind: "usd", missing: "unpriced" }];
const TABLE = { columns: COLUMNS, rows: [["b", 2], ["a10", null], ["a9", 1]] as (string | number | null)[][], pick: ["agent"] };

test("rows without a value stand last whichever way the table is sorted", () => {
  assert.deepEqual(sortRows(TABLE, { column: 1, descending: true }), [0, 2, 1]);
  assert.deepEqual(sortRows(TABLE, { column: 1, descending: false }), [2, 0, 1]);
  assert.deepEqual(sortRows(TABLE, { column: 0, descending: false }), [2, 1, 0]);
  assert.equal(formatValue(null, COLUMNS[1]), "unpriced");
});

test("what is picked in a table is found again, in this view or another with the same fields", () => {
  assert.deepEqual(pickRow(TABLE, 1), { agent: "a10" });
  assert.equal(findPicked(TABLE, { agent: "a10" }), 1);
  assert.deepEqual([findPicked(TABLE, {}), findPicked(TABLE, { model: "x" }), findPicked(TABLE, { agent: "z" })], [-1, -1, -1]);
});

test("an unknown choice falls back to the first of each control", () => {
  const state = { controls: [{ key: "by", label: "by", values: [["agent", "agent"], ["model", "model"]] }, { key: "measure", label: "m", values: [["cost", "cost"]] }] } as unknown as ChartsState;
  assert.equal(chooseView(state, { by: "model", measure: "nonsense" }).key, "model|cost");
});

test("the static model tells listeners what changed, answers in its own time, and forgets those who left", async () => {
  const model = new StaticModel({ a: 1 }, (message, reply) => reply({ echo: message }));
  const heard: unknown[] = [];
  const listener = () => heard.push(model.get("a"));
  model.on("change:a", listener);
  model.on("msg:custom", (answer) => heard.push(answer));
  model.set("a", 1);
  model.set("a", 2);
  model.off("change:a", listener);
  model.set("a", 3);
  model.send("hello");
  await Promise.resolve();
  assert.deepEqual(heard, [2, { echo: "hello" }]);
});

test("bytes come out of base64 of zlib as they went in", async () => {
  assert.deepEqual([...(await inflate(" eJxjZGJmYQUAACgAEA== "))], [1, 2, 3, 4, 5]);
});

const SHARES = {
  columns: ["agent_name", "operation_name", "level"].map((name) => ({ name, label: name, kind: "text" as const })),
  rows: [["Atlas", null, 1], ["Atlas", "chat", 2], ["Atlas", null, 2], ["Hermes", null, 1]],
  pick: ["agent_name", "operation_name"],
};

test("a row of a level picks what it stands for, and no more", () => {
  assert.deepEqual(pickRow(SHARES, 0), { agent_name: "Atlas" });
  assert.deepEqual(pickRow(SHARES, 2), { agent_name: "Atlas", operation_name: null });
  assert.equal(findPicked(SHARES, { agent_name: "Atlas" }), 0);
  assert.equal(findPicked(SHARES, { agent_name: "Atlas", operation_name: null }), 2);
});

test("what contradicts a pick is left out, and what says nothing of it stays", () => {
  const kept = (picked: Record<string, string | null>) => SHARES.rows.map((_row, at) => at).filter((at) => keepRow(SHARES, at, picked, SHARES.pick));
  assert.deepEqual(kept({}), [0, 1, 2, 3]);
  assert.deepEqual(kept({ agent_name: "Atlas" }), [0, 1, 2]);
  assert.deepEqual(kept({ agent_name: "Atlas", operation_name: "chat" }), [0, 1]);
  assert.deepEqual(kept({ span_id: "a" }), [0, 1, 2, 3]);
});
