import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEdge, layOutMap, type MapAgent, type MapEdge } from "#src/agent_graph.ts";
import { findLoops, measureDepth, type Link } from "#src/agent_links.ts";
import { isAnswered, listColumns, listSteps, rowAt, type MapEvent } from "#src/agent_sequence.ts";
import { cellOf } from "#src/clipboard.ts";
import { linkTo, spanInAddress } from "#src/deep_link.ts";
import { describeTime, foldAlike, groupFindings, matchesFilter, type Finding } from "#src/findings.ts";
import { Picker } from "#src/picking.ts";
import { logScale } from "#src/scatter.ts";
import { joinHits, searchRows } from "#src/search.ts";
import type { SpanDetail } from "#src/requests.ts";
import { searchDetails, StaticModel } from "#src/static_host.ts";
import { callOfSpan, lightUp, linkSelections, packRows, partsOf, rowOfSpan } from "#src/static_links.ts";
import { describePeriod, gatherMarks, levelHeight, nameMoments, outline } from "#src/strip.ts";
import { shortStamp } from "#src/tree_rows.ts";
import { TreeState } from "#src/tree_state.ts";
import { makeColumns, pack } from "./made.ts";

const given = (...pairs: string[]): Link[] => pairs.map((pair) => ({ from: pair[0], to: pair[1], kind: "delegation" }));

test("a circle of delegations is one loop; reports and messages make none", () => {
  assert.deepEqual(findLoops(given("ab", "bc", "ca", "cd")), [["a", "b", "c"]]);
  assert.deepEqual(findLoops(given("aa", "ab")), [["a"]]);
  assert.deepEqual(findLoops([...given("ab"), { from: "b", to: "a", kind: "report" }]), []);
});

test("depth is the shortest chain of delegations from whom nobody delegates to", () => {
  assert.deepEqual([...measureDepth(given("ab", "bc", "ac", "cd"))], [["a", 0], ["b", 1], ["c", 1], ["d", 2]]);
  assert.equal(measureDepth(given("ab", "ba")).get("b"), 1);
});

const agent = (name: string): MapAgent => ({ name, role: null, model: null, state: null, status: null, critical: 0, warning: 0, spans: 1, tokens: 0, cost: null, errors: 0 });
const edge = (from: string, to: string, kind = "delegation", more: Partial<MapEdge> = {}): MapEdge =>
  ({ key: `${from}${to}${kind}`, from, to, kind, count: 1, errors: 0, p50_ms: null, p95_ms: null, tokens: null, cost: null, forbidden: false, ...more });

test("boxes of a map do not overlap, and every edge is drawn once, loops and pairs both ways included", () => {
  const edges = [edge("a", "b"), edge("b", "a", "report"), edge("a", "c"), edge("b", "c"), edge("c", "c"), edge("c", "a")];
  const { agents, edges: drawn } = layOutMap(["a", "b", "c"].map(agent), edges);
  assert.deepEqual(drawn.map((one) => one.edge.key).sort(), edges.map(({ key }) => key).sort());
  assert.ok(drawn.every(({ path }) => !path.includes("NaN")));
  for (const one of agents) for (const other of agents) {
    if (one !== other) assert.ok(Math.abs(one.x - other.x) >= 200 || Math.abs(one.y - other.y) >= (one.height + other.height) / 2);
  }
});

test("agents without any edge are placed too, and edges to agents that are not shown are left out", () => {
  const { agents, edges } = layOutMap([agent("a"), agent("b")], [edge("a", "nobody")]);
  assert.equal(agents.length, 2);
  assert.equal(edges.length, 0);
});

test("an edge says in words what it stands for", () => {
  assert.equal(describeEdge(edge("a", "b", "delegation", { count: 5, errors: 1, p50_ms: 1500, forbidden: true })).replace(/\s/g, " "),
    "a delegated to b 5 times, 1 ended badly, median 1.50 s, the delegation matrix does not allow it");
});

const event = (from: string, to: string, kind: string, start: number | null, end: number | null = null): MapEvent =>
  ({ from, to, kind, failed: false, status: null, text: null, start_ms: start, end_ms: end });
const KINDS = new Set(["delegation", "report", "message"]);

test("a brief comes back as a report where there is one, and as a step of its own where there is none", () => {
  const events = [event("a", "b", "delegation", 0, 100), event("a", "c", "delegation", 5, 90), event("b", "a", "report", 99, 99)];
  assert.deepEqual([isAnswered(events, events[0]), isAnswered(events, events[1])], [true, false]);
  const steps = listSteps(events, [], [], KINDS);
  assert.deepEqual(steps.map((step) => [step.kind, "event" in step ? step.event : null]), [["event", 0], ["event", 1], ["return", 1], ["event", 2]]);
  assert.equal(listSteps(events, [], [], new Set(["delegation"])).filter(({ kind }) => kind === "return").length, 2);
});

test("steps stand in order of time under their wave, those without a time last", () => {
  const wave = { wave: 1, start_ms: 10, end_ms: 99, what_broke: [], is_first_broken: false };
  const blocked = { agent_name: "b", status: "BLOCKED", detail: null, start_ms: 20, end_ms: 40 };
  const events = [event("a", "b", "message", null), event("a", "b", "message", 10), event("a", "b", "message", 30)];
  const steps = listSteps(events, [blocked], [wave], KINDS);
  assert.deepEqual(steps.map(({ kind }) => kind), ["wave", "event", "blocked", "event", "event"]);
  assert.equal(steps[4].time, null);
  assert.deepEqual([rowAt(steps, 5), rowAt(steps, 25), rowAt(steps, 1e9)], [0, 2, 3]);
});

test("columns are the agents in the order in which they take part", () => {
  assert.deepEqual(listColumns([event("b", "a", "message", 1), event("a", "c", "message", 2)], ["a", "b", "c", "d"]), ["b", "a", "c"]);
});

const FINDING: Finding = { key: "0", detector: "tool_loop", severity: "warning", tier: "event", agent: "Artemis", trace_id: null, start: null, end: null, summary: "The same search six times", tokens: null, cost: null, elsewhere: null, spans: 6, evidence: [] };

test("a finding is shown when every choice and every word fits, in any letter case", () => {
  assert.ok(matchesFilter(FINDING, { severity: "warning", text: "SAME artemis" }));
  assert.ok(!matchesFilter(FINDING, { text: "same hermes" }));
  assert.ok(!matchesFilter(FINDING, { agent: "Hermes" }));
  assert.ok(matchesFilter(FINDING, { agent: "", text: " " }));
});

test("many findings of one detector are folded behind the first five, and hide no other", () => {
  const storm = Array.from({ length: 300 }, (_, at) => ({ ...FINDING, key: String(at), detector: "retry_storm" }));
  const other = { ...FINDING, key: "300" };
  const shown = foldAlike([...storm, other]);
  assert.deepEqual(shown.map((one) => (Array.isArray(one) ? one.length : one.key)), ["0", "1", "2", "3", "4", 295, "300"]);
  assert.deepEqual(shown.flat().map(({ key }) => Number(key)), [...Array(301).keys()]);
  assert.deepEqual(foldAlike(storm.slice(0, 6)), storm.slice(0, 6));
});

test("findings are grouped worst first, and a severity nobody knows is still shown", () => {
  const groups = groupFindings([FINDING, { ...FINDING, severity: "critical" }, { ...FINDING, severity: "odd" }]);
  assert.deepEqual(groups.map(([severity, members]) => [severity, members.length]), [["critical", 1], ["warning", 1], ["info", 1]]);
});

test("a period within one day names the day once", () => {
  assert.equal(describeTime("2026-04-13T16:38:00Z", "2026-04-13T17:06:50Z"), "2026-04-13 16:38:00 – 17:06:50 UTC");
  assert.equal(describeTime("2026-04-13T16:38:00Z", "2026-04-14T17:06:50Z"), "2026-04-13 16:38:00 – 2026-04-14 17:06:50 UTC");
  assert.equal(describeTime("2026-04-13T16:38:00Z", null), "2026-04-13 16:38:00 UTC");
  assert.equal(describeTime(null, null), "");
});

test("a cell asks the very question, whatever stands in it", () => {
  assert.equal(cellOf("FROM spans"), 'lens.sql("""\nFROM spans\n""")');
  for (const sql of ['FROM spans WHERE name = \'a"""b\\n\'', 'SELECT \'"\' AS "q"', "SELECT '\\\\'"]) {
    const inside = cellOf(sql).slice('lens.sql("""'.length, -'""")'.length);
    const python = inside.replace(/\\(["\\])/g, "$1");
    assert.equal(python, `\n${sql}\n`);
    assert.ok(!/(^|[^\\])"""/.test(inside));
  }
});

test("an address leads back to the span it was made for", () => {
  for (const id of ["00f067aa0ba902b7", "toolu_01/…?#&", "%41"]) assert.equal(spanInAddress(linkTo("file:///r.html#old", id).replace("file:///r.html", "")), id);
  assert.equal(spanInAddress("#spanish"), null);
  assert.equal(spanInAddress("#span=%E0%A4%A"), "%E0%A4%A");
});

test("picking twice lets go, and a page without a kernel knows the spans itself", () => {
  const model = new StaticModel({ picked: {}, _reach: { "agent:a": ["s1", "s2"] } }, () => undefined);
  let changes = 0;
  const picker = new Picker(model, () => changes++);
  picker.toggle("agent", "a");
  assert.deepEqual([model.get("picked"), model.get("selection"), picker.is("agent", "a")], [{ kind: "agent", key: "a" }, ["s1", "s2"], true]);
  picker.toggle("agent", "a");
  assert.deepEqual([model.get("picked"), model.get("selection"), changes], [{}, [], 2]);
});

const ids = (list: string[]) => new DataView(new TextEncoder().encode(JSON.stringify(list)).buffer);

test("spans picked elsewhere are lit up by their ids, the first in focus; one alone is only selected", () => {
  const tree = new StaticModel({ _span_ids: ids(["a", "b", "\"c\n", "b"]), _header: { n: 4 }, _row: -1 }, () => undefined);
  assert.equal(lightUp(tree, ["\"c\n", "b", "gone"]), 2);
  assert.deepEqual([tree.get("_row"), tree.get("_highlight").getUint8(0)], [2, 0b110]);
  assert.equal(lightUp(tree, ["a"]), 1);
  assert.deepEqual([tree.get("_row"), tree.get("_highlight")], [0, null]);
  assert.equal(rowOfSpan({}, "a"), -1);
  assert.equal(packRows([9], 10), null);
});

test("a span selected elsewhere marks the parts that carry it, and those that the tree says of its row", () => {
  const dictionaries = { agent: ["", "boss", "scout"], operation: ["", "chat", "execute_tool"], tool: ["", "grep"] };
  const { bytes, header } = pack({ end: [3, 2, 3], agent: [1, 2, 2], operation: [1, 2, 1], tool: [0, 1, 1] }, dictionaries);
  const tree = new StaticModel({ _span_ids: ids(["s0", "s1", "s2"]), _header: { ...header, traces: [{ row: 0, end: 3, trace_id: "t", label: "" }] }, _columns: new DataView(bytes.buffer) }, () => undefined);
  const view = new StaticModel({ _reach: { "wave:7": ["s1", "s9"], "edge:x": ["s9"] } }, () => undefined);
  assert.deepEqual(partsOf(view, ["s1"], [tree]).sort(), ["agent:scout", "tool:grep", "trace:t", "wave:7"]);
  assert.deepEqual(partsOf(view, ["s2"], [tree]).sort(), ["agent:scout", "trace:t"]);
  assert.deepEqual(partsOf(view, ["s9", "gone"], [tree]).sort(), ["edge:x", "wave:7"]);
});

test("the call of a span is the call itself, or the one whose tool it is", () => {
  const story = { calls: [{ span_id: "a" }, { span_id: "b" }], tools: [{ span_id: "t", call: 1 }] };
  assert.deepEqual(["b", "t", "elsewhere"].map((id) => callOfSpan(story, id)), [1, 1, -1]);
});

// A page of three linked views that cannot be seen: what is selected, picked and called in each.
function linkThree() {
  const tree = new StaticModel({ _span_ids: ids(["a", "b", "c"]), _header: { n: 3, traces: [], dictionaries: { agent: [""], operation: [""], tool: [""] }, columns: [] }, _row: -1 }, () => undefined);
  const parts = new StaticModel({ picked: {}, selection: [], _touched: [], _reach: { "finding:0": ["b", "c"], "finding:1": ["a"] } }, () => undefined);
  const story = new StaticModel({ _story: { calls: [{ span_id: "a" }, { span_id: "c" }], tools: [] }, _call: 0 }, () => undefined);
  linkSelections({ getElementById: () => null } as unknown as Document, new Map([["tree", tree], ["parts", parts], ["story", story]]));
  return { tree, parts, story, picker: new Picker(parts, () => undefined) };
}

test("what is selected in one view of a page is selected in all", () => {
  const { tree, parts, story, picker } = linkThree();
  picker.toggle("finding", "0");
  assert.deepEqual([tree.get("_row"), tree.get("_highlight").getUint8(0), story.get("_call")], [1, 0b110, 0]);
  tree.set("_row", 2);
  assert.deepEqual([tree.get("_highlight").getUint8(0), parts.get("selection"), story.get("_call")], [0b110, ["c", "b"], 1]);
  assert.deepEqual([picker.is("finding", "0"), parts.get("_touched")], [true, []]);
  tree.set("_row", 0);
  assert.deepEqual([tree.get("_highlight"), parts.get("picked"), parts.get("_touched"), story.get("_call")], [null, {}, ["finding:1"], 0]);
  story.set("_call", 1);
  assert.deepEqual([tree.get("_row"), parts.get("_touched")], [2, ["finding:0"]]);
});

test("a page without a kernel searches what was said, whatever its case, and nothing else", () => {
  const detail = (more: object) => ({ title: "needle", facts: [], messages: [], findings: [], ...more }) as unknown as SpanDetail;
  const said = { direction: "output", position: 0, role: "assistant", parts: [{ type: "text", text: "A NEEDLE here" }] };
  const known = { 10: detail({ messages: [said] }), 2: detail({ tool: { arguments: null, result: "needle" } }), 3: detail({ error: "no needle" }), 4: detail({}) };
  const found = searchDetails(known, " needle ");
  assert.deepEqual(found.rows, [2, 3, 10]);
  assert.match(found.note, /4 spans/);
});

test("an axis of powers of ten holds every value", () => {
  const scale = logScale([3, 4200], 0, 100);
  assert.deepEqual([scale.from, scale.to, scale.place(10 ** 2.5).toFixed(3)], [1, 10_000, "62.500"]);
  assert.ok(logScale([100, 100], 0, 100).to > 100);
  assert.ok(logScale([1e-3, 1e9], 0, 100).ticks.length <= 7);
});

test("one at work is seen, many are not higher than the strip, and none leaves no mark", () => {
  assert.deepEqual([levelHeight(0), levelHeight(1), levelHeight(1000)], [0, 0.4, 1]);
  assert.equal(outline([0, 0]), "");
  assert.equal(outline([0, 1]).match(/M/g)?.length, 1);
});

test("hits in texts join those in names", () => {
  const columns = makeColumns({ end: [1, 2, 3], name: [1, 2, 2] });
  const hits = searchRows(columns, { name: ["", "x", "y"], agent: [""], operation: [""], tool: [""], model: [""] }, "x");
  assert.deepEqual([...joinHits(hits, [2, 7, -1], 3).list], [0, 2]);
  assert.deepEqual([...joinHits(null, [1], 3).list], [1]);
});

test("a stamp is short on the row and whole in words", () => {
  assert.equal(shortStamp("prompt v13 → v14, agent 2026.04.1 → 2026.04.2"), "prompt v14, agent 2026.04.2");
});

test("sorted by weight, the heaviest tree and child stand first, and every row is found where it stands", () => {
  const { bytes, header } = pack({ end: [3, 2, 3, 5, 5], tokens: [1, 5, 9, 0, 400], operation: [1, 1, 1, 1, 1] }, { operation: ["", "chat"] });
  const state = new TreeState(new DataView(bytes.buffer), header, null);
  state.setWeight("tokens");
  state.setSorted(true);
  assert.deepEqual([...state.visible], [3, 4, 0, 2, 1]);
  assert.deepEqual([...state.visible].map((row) => state.placeOf[row]), [0, 1, 2, 3, 4]);
  assert.equal(state.reveal(1), 4);
  state.toggle(0);
  assert.equal(state.nearestInSight(1), 0);
  state.setSorted(false);
  assert.deepEqual([...state.visible], [0, 3, 4]);
});

test("only what lies on the critical path keeps its light when asked for", () => {
  const { bytes, header } = pack({ end: [2, 2], flags: [16, 0], operation: [1, 1] }, { operation: ["", "chat"] });
  const state = new TreeState(new DataView(bytes.buffer), header, null);
  assert.equal(state.emphasis(), null);
  state.setOnlyCritical(true);
  assert.deepEqual([...state.emphasis()!], [1, 0]);
});

test("marks that would cover one another become one of the worst kind, which names all", () => {
  const near: [number, string, string][] = [[0.1, "warning", "a"], [0.11, "critical", "b"], [0.5, "info", "c"]];
  assert.deepEqual(gatherMarks(near), [[0.11, "critical", "b (critical), a (warning)"], [0.5, "info", "c (info)"]]);
  const many = Array.from({ length: 40 }, (_, at): [number, string, string] => [at / 40, "info", "c"]);
  assert.deepEqual(gatherMarks([...many, [0.3, "critical", "b"]]), [[0.3, "critical", "b (critical)"]]);
});

test("moments of several days say each new day, those of several years each new year", () => {
  const at = (...moments: string[]) => nameMoments(moments.map((moment) => Date.parse(`${moment}Z`)), 1000);
  assert.deepEqual(at("2026-05-04T07:30", "2026-05-04T07:31"), ["07:30:00", "07:31:00"]);
  assert.deepEqual(at("2026-05-04T07:30", "2026-05-05T07:30", "2026-05-05T09:00"), ["05-04", "05-05", "09:00:00"]);
  assert.deepEqual(at("2024-01-01T10:00", "2025-06-14T10:00", "2025-12-24T10:00"), ["2024-01-01", "2025-06-14", "12-24"]);
  assert.deepEqual(at(), []);
});

test("a period within a minute is told to the second", () => {
  const from = Date.UTC(2026, 5, 7, 8), period = (to: number) => describePeriod({ buckets: 1, busy_ms: 10, segments: [{ from, to, at: 0, until: 1 }] });
  assert.match(period(from + 6000), /08:00:00 – 08:00:06 UTC/);
  assert.match(period(from + 90_000), /08:00 – 08:01 UTC/);
});
