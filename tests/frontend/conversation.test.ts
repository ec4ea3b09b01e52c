import assert from "node:assert/strict";
import test from "node:test";

import { changedMiddle, readValues } from "#src/conversation_parts.ts";
import {
  estimateTokens, findPresence, foldBlocks, listCalls, measureWindows, tallyChanges, tellPresence, tellStory, Windows, type Block, type Message, type Story,
} from "#src/conversation_story.ts";
import { roundStep } from "#src/conversation_strip.ts";
import { answerConversation, TextStore } from "#src/conversation_texts.ts";

const [SAME, ADDED, REWRITTEN, DROPPED, COMPACTED] = [0, 1, 2, 3, 4];

function message(key: string, more: Partial<Message> = {}): Message {
  return { key, role: "user", first: 0, direction: 1, said_by: [], characters: 10, opening: key, types: ["text"], asks: [], answers: [], origin: "user", ...more };
}

function makeStory(calls: number, messages: Message[], more: Partial<Story> = {}): Story {
  const call = (at: number) => ({
    number: at + 1, trace_id: "t", span_id: `s${at}`, run_preorder: null, model: "m", start_ms: at, duration_ms: 1, is_error: false, error: null,
    input_tokens: 100, output_tokens: 1, cache_read_input_tokens: null, cost_usd: null, stopped: null,
  });
  return { agent: "scout", conversation: "c", calls: Array.from({ length: calls }, (_nothing, at) => call(at)), messages, tools: [], runs: [], ...more };
}

// Rows as [call, message, change, before].
function makeWindows(calls: number, rows: [number, number, number, number?][]): Windows {
  const arrays: [string, string, ArrayBufferView][] = [
    ["call", "u32", Uint32Array.from(rows, (row) => row[0])], ["message", "u32", Uint32Array.from(rows, (row) => row[1])],
    ["change", "u8", Uint8Array.from(rows, (row) => row[2])], ["before", "i32", Int32Array.from(rows, (row) => row[3] ?? -1)],
    ["position", "u32", Uint32Array.from(rows, (_row, at) => at)],
  ];
  const columns: [string, string, number][] = [];
  const bytes: number[] = [];
  for (const [name, type, array] of arrays) {
    columns.push([name, type, bytes.length]);
    bytes.push(...new Uint8Array(array.buffer));
    while (bytes.length % 8) bytes.push(0);
  }
  return new Windows(Uint8Array.from(bytes), { rows: rows.length, columns }, calls);
}

test("windows are read back row by row, whatever their number", () => {
  for (const n of [0, 1, 3, 8]) {
    const rows = Array.from({ length: n }, (_nothing, at): [number, number, number] => [at % 2, at, at % 5]).sort((a, b) => a[0] - b[0]);
    const windows = makeWindows(2, rows);
    const read = [0, 1].flatMap((call) => windows.blocks(call).map((block) => [call, block.message, block.change]));
    assert.deepEqual(read, rows);
  }
});

test("a window's size is that of what stands in it, and what fell out is counted apart", () => {
  const story = makeStory(2, [message("a", { origin: "system" }), message("b", { origin: "tool", characters: 30 })]);
  const { total, gone, characters } = measureWindows(story, makeWindows(2, [[0, 0, ADDED], [0, 1, ADDED], [1, 0, SAME], [1, 1, DROPPED]]));
  assert.deepEqual([...total], [40, 10]);
  assert.deepEqual([...gone], [0, 30]);
  assert.equal(characters[0], 10);
  assert.equal(characters[6], 30);
});

test("tokens that the log holds no text of are left out of every share", () => {
  const story = makeStory(1, [message("a")], { tokens: { base: 60, rate: 0.4 } });
  assert.deepEqual(estimateTokens(story, 0, 100), { unlogged: 60, perCharacter: 0.4, isLeast: false });
  assert.deepEqual(estimateTokens(story, 0, 0), { unlogged: 0, perCharacter: null, isLeast: false });
  story.calls[0].input_tokens = null;
  assert.equal(estimateTokens(story, 0, 100).perCharacter, null);
});

test("where the text cannot hold all tokens and no line was found, only the least that is not logged is said", () => {
  const story = makeStory(1, [message("a")], { tokens: { base: null, rate: null } });
  assert.deepEqual(estimateTokens(story, 0, 30), { unlogged: 70, perCharacter: null, isLeast: true });
  assert.deepEqual(estimateTokens(story, 0, 400), { unlogged: 0, perCharacter: 0.25, isLeast: false });
});

test("long stretches without news are one line, and nothing new is ever folded", () => {
  const block = (change: number): Block => ({ message: 0, change, before: -1, position: 0 });
  const blocks = [...Array(5).fill(SAME), ADDED, ...Array(9).fill(COMPACTED), ADDED, SAME, SAME].map(block);
  const listed = foldBlocks(blocks).map((item) => (item.fold ? `${item.gone ? "gone" : "same"} ${item.blocks.length}` : item.block.change));
  assert.deepEqual(listed, ["same 5", ADDED, COMPACTED, COMPACTED, COMPACTED, "gone 6", ADDED, SAME, SAME]);
  assert.deepEqual(tallyChanges(blocks), { same: 7, added: 2, rewritten: 0, gone: 9 });
  assert.equal(foldBlocks(blocks).reduce((sum, item) => sum + (item.fold ? item.blocks.length : 1), 0), blocks.length);
});

test("a lost text is told with the last call that had it, and how it went", () => {
  const story = makeStory(5, [message("fact"), message("summary"), message("fact 2")]);
  const windows = makeWindows(5, [[0, 0, ADDED], [1, 0, SAME], [2, 0, COMPACTED], [2, 1, ADDED], [3, 1, SAME], [4, 1, SAME]]);
  const presence = findPresence(story, windows, "EUR 49", ["fact", "unknown"]);
  assert.deepEqual([...presence.counts], [1, 1, 0, 0, 0]);
  assert.equal(tellPresence(story, presence), "“EUR 49” stood in the window of calls 1–2 of 5: last seen in call 2, dropped by compaction at call 3.");
});

test("a text that comes back is not lost, and one that was rewritten away says so", () => {
  const story = makeStory(3, [message("a"), message("b")]);
  const back = makeWindows(3, [[0, 0, ADDED], [1, 0, DROPPED], [2, 0, ADDED]]);
  assert.equal(tellPresence(story, findPresence(story, back, "x1", ["a"])), "“x1” stood in the window of calls 1 and 3 of 3, up to the last.");
  const edited = makeWindows(3, [[0, 0, ADDED], [1, 1, REWRITTEN, 0], [2, 1, SAME]]);
  assert.match(tellPresence(story, findPresence(story, edited, "x1", ["a"])), /last seen in call 1, rewritten at call 2\.$/);
});

test("a text that no window ever held says where it was said", () => {
  const story = makeStory(2, [message("said", { direction: 2, first: 1, said_by: [1] })]);
  const windows = makeWindows(2, []);
  assert.match(tellPresence(story, findPresence(story, windows, "bye", ["said"])), /never stood in a window; the answer of call 2 says it/);
  assert.match(tellPresence(story, findPresence(story, windows, "bye", [])), /stands in no message of this story/);
});

test("calls are listed as ranges, and a long list is cut in the middle", () => {
  const story = makeStory(30, []);
  const list = (calls: number[]) => listCalls(story, Uint32Array.from({ length: 30 }, (_nothing, at) => Number(calls.includes(at + 1))));
  assert.equal(list([3]), "call 3");
  assert.equal(list([1, 2, 3, 7]), "calls 1–3 and 7");
  assert.equal(list([1, 3, 5, 7, 9, 11, 13, 15]), "calls 1, 3, 5, 7, 9, … and 15");
});

test("a message is told once, and the answer to a tool call with the call", () => {
  const ask = message("ask", { direction: 2, first: 0, said_by: [0, 1], role: "assistant", types: ["tool_call"], asks: [["k1", "read"]] });
  const answer = message("answer", { direction: 1, first: 1, role: "tool", types: ["tool_call_response"], answers: ["k1"] });
  const stray = message("stray", { first: 1, role: "tool", types: ["tool_call_response"], answers: ["k9"] });
  const tool = (preorder: number, id: string | null) => ({ call: 0, preorder, span_id: `t${preorder}`, tool_name: "read", tool_call_id: id, duration_ms: 1, is_error: false, error: null });
  const run = { call: 0, preorder: 6, agent_name: "helper", tool_preorder: 5, duration_ms: 1, is_error: false, error: null, calls: 1, tokens: 2 };
  const told = tellStory(makeStory(2, [message("hello"), ask, answer, stray], { tools: [tool(5, "k1"), tool(7, null)], runs: [run, { ...run, call: -1, preorder: 9, tool_preorder: null }] }));
  assert.deepEqual(told.turns[0].heard, [0]);
  assert.deepEqual(told.turns[0].said, [1]);
  assert.deepEqual(told.turns[1], { heard: [3], said: [], again: [1], tools: [], runs: [] });
  assert.deepEqual(told.turns[0].tools.map((found) => found.preorder), [7]);
  assert.equal(told.answers.get("k1"), 2);
  assert.deepEqual(told.runOf.get(5), [run]);
  assert.equal(told.before.length, 1);
});

test("of a rewritten text only the middle is marked", () => {
  assert.deepEqual(changedMiddle("the price is 49 EUR", "the price is 59 EUR"), { head: "the price is ", before: "49", after: "59", tail: " EUR" });
  assert.deepEqual(changedMiddle("same", "same"), { head: "same", before: "", after: "", tail: "" });
  assert.deepEqual(changedMiddle("aa", "a"), { head: "", before: "aa", after: "a", tail: "" });
});

test("arguments are listed only where the list says exactly what the JSON says", () => {
  assert.deepEqual(readValues('{"path":"a.md","text":"one\\ntwo"}'), [["path", "a.md"], ["text", "one\ntwo"]]);
  assert.equal(readValues('{"path":"a.md"}'), null);
  assert.equal(readValues('{"id":123456789012345678901234567890,"text":"one\\ntwo"}'), null);
  assert.equal(readValues('{"deep":{"a":1},"text":"one\\ntwo"}'), null);
  assert.equal(readValues('["one\\ntwo"]'), null);
  assert.equal(readValues('{"text":"cut'), null);
});

test("ticks stand at round numbers", () => {
  assert.deepEqual([0.2, 1, 3, 7, 400, 55_666].map(roundStep), [1, 1, 5, 10, 500, 100_000]);
});

test("texts are asked for once, together, and readers wait until all of theirs are there", async () => {
  const sent: any[] = [];
  let tell: (answer: unknown) => void = () => undefined;
  const model = { get: () => ({ here: [] }), set() {}, save_changes() {}, on: (_event: string, listener: any) => (tell = listener), off() {}, send: (question: any) => sent.push(question) };
  const store = new TextStore(model, () => assert.fail("no error expected"));
  const read: string[] = [];
  store.when(["here"], () => read.push("at once"));
  store.when(["a", "b"], () => read.push("a and b"));
  store.when(["b"], () => read.push("b"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(sent.map(({ keys }) => keys), [["a", "b"]]);
  tell({ type: "texts", id: 99, texts: {} });
  tell({ type: "texts", id: sent[0].id, texts: { a: [{ type: "text", text: "A" }] } });
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(read, ["at once", "a and b", "b"]);
  assert.deepEqual(store.get("b"), []);
});

test("a page without a kernel finds texts whatever their case, and says what it does not carry", () => {
  const details = { a: [{ type: "text", text: "EUR 49" }], b: [{ type: "tool_call", text: "{}", name: "Read" }], "run:5": { calls: [] } };
  assert.deepEqual(answerConversation({ type: "find", id: 1, text: "eur" }, details), { type: "find", id: 1, keys: ["a"] });
  assert.deepEqual(answerConversation({ type: "find", id: 1, text: "read" }, details), { type: "find", id: 1, keys: ["b"] });
  assert.deepEqual(answerConversation({ type: "texts", id: 2, keys: ["a", "zzz"] }, details), { type: "texts", id: 2, texts: { a: details.a } });
  assert.deepEqual(answerConversation({ type: "run", id: 3, run: 5 }, details), { type: "run", id: 3, story: { calls: [] } });
  assert.equal((answerConversation({ type: "run", id: 4, run: 6 }, details) as any).type, "error");
});
