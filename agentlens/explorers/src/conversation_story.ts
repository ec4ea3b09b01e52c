// The wire of Conversation, and what can be read off it without asking anybody.
//
// Traits: _story, _windows, _texts, _picks (Python to page), _pick and _call (both ways), _sql (Python to page).
// `_windows` holds packed columns, one row a message of a window, calls and their messages in order; a window also has rows for
// messages that are gone since the window before, at the place where they stood. `message` indexes `story.messages`.
// Questions, answered by `{type, id, …}` or `{type: "error", id, message}`:
//   {type: "texts", id, keys, whole}  -> {texts: {key: Part[]}}     keys are those of messages, or "tool:<preorder>"
//   {type: "find", id, text}          -> {keys: [key]}              the messages of the story that hold a text
//   {type: "run", id, run}            -> {story: Story + texts}     the story of a run of another agent
//   {type: "pieces", id, key}         -> {pieces: Piece[]}          what of a message came from elsewhere (in a report: trait _pieces)

import type { Packed } from "./columns.ts";
import { formatCount, showInline } from "./format.ts";

export const CHANGES = ["same", "added", "rewritten", "dropped", "compacted"] as const;
export type Change = (typeof CHANGES)[number];
export const SAME = 0, ADDED = 1, REWRITTEN = 2, DROPPED = 3, COMPACTED = 4;

export const ORIGINS = ["system", "user", "agent", "memory", "summary", "assistant", "tool", "other"] as const;
export type Origin = (typeof ORIGINS)[number];

export interface Call {
  number: number;
  trace_id: string;
  span_id: string;
  run_preorder: number | null;
  model: string | null;
  start_ms: number | null;
  duration_ms: number | null;
  is_error: boolean;
  error: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_input_tokens: number | null;
  cost_usd: number | null;
  stopped: string | null;
}

export interface Message {
  key: string;
  role: string | null;
  name?: string | null;
  // The call before or in which it first stood, as an index of `calls`, and where: 0 system, 1 input, 2 output.
  first: number | null;
  direction: number;
  said_by: number[];
  characters: number;
  opening: string | null;
  types: string[];
  asks: [id: string, tool: string | null][];
  answers: string[];
  origin?: Origin;
  origin_agent?: string | null;
  origin_name?: string | null;
  origin_span?: string | null;
}

export interface Tool {
  call: number;
  preorder: number;
  span_id: string;
  tool_name: string | null;
  tool_call_id: string | null;
  duration_ms: number | null;
  is_error: boolean;
  error: string | null;
}

export interface Run {
  call: number;
  preorder: number;
  agent_name: string | null;
  tool_preorder: number | null;
  duration_ms: number | null;
  is_error: boolean;
  error: string | null;
  calls: number | null;
  tokens: number | null;
}

// A piece of a message that came from elsewhere: the step that had it just before, and the one that had it first.
export interface Piece {
  kind: string;
  confidence: string;
  // Null where the whole message came.
  passage: string | null;
  agent_name: string | null;
  type: string | null;
  name: string | null;
  span_id: string | null;
  first_agent: string | null;
  first_type: string | null;
  first_name: string | null;
  first_span_id: string | null;
}

export interface Cut {
  call: number;
  messages: number;
  summary: number | null;
}

export interface Story {
  agent: string | null;
  conversation: string;
  calls: Call[];
  messages: Message[];
  tools: Tool[];
  runs: Run[];
  cuts?: Cut[];
  lost?: Record<string, { values: [value: string, messages: number][]; total: number }>;
  tokens?: { base: number | null; rate: number | null };
  windows?: { rows: number; columns: [name: string, dtype: string, byteOffset: number][] };
  notes?: string[];
}

export interface Block {
  message: number;
  change: number;
  // What a rewritten message said before; -1 for none.
  before: number;
  position: number;
}

const ARRAYS = { i32: Int32Array, u32: Uint32Array, u16: Uint16Array, u8: Uint8Array };

// All windows of a story, and where each begins.
export class Windows {
  readonly n: number;
  private column: Record<string, Uint32Array | Int32Array | Uint16Array | Uint8Array> = {};
  private starts: Uint32Array;

  constructor(packed: Packed, directory: Story["windows"], calls: number) {
    const bytes = !packed ? new Uint8Array(0) : packed instanceof ArrayBuffer ? new Uint8Array(packed) : new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
    const buffer = bytes.slice().buffer;
    this.n = directory?.rows ?? 0;
    for (const [name, dtype, offset] of directory?.columns ?? []) {
      const make = ARRAYS[dtype as keyof typeof ARRAYS];
      if (!make) throw new Error(`column ${name} has the unknown type ${dtype}`);
      this.column[name] = new make(buffer, this.n ? offset : 0, this.n);
    }
    this.starts = new Uint32Array(calls + 1);
    for (let row = 0; row < this.n; row++) this.starts[this.column["call"][row] + 1]++;
    for (let call = 0; call < calls; call++) this.starts[call + 1] += this.starts[call];
  }

  isLogged(call: number): boolean {
    return this.starts[call + 1] > this.starts[call];
  }

  blocks(call: number): Block[] {
    const { message, change, before, position } = this.column;
    const blocks: Block[] = [];
    for (let row = this.starts[call]; row < this.starts[call + 1]; row++) {
      blocks.push({ message: message[row], change: change[row], before: before[row], position: position[row] });
    }
    return blocks;
  }

  // Calls visit(message, change, before) for every row of a call without making objects.
  each(call: number, visit: (message: number, change: number, before: number) => void): void {
    const { message, change, before } = this.column;
    for (let row = this.starts[call]; row < this.starts[call + 1]; row++) visit(message[row], change[row], before[row]);
  }
}

export const isPresent = (change: number): boolean => change < DROPPED;

export interface Composition {
  // Characters of each origin, call after call.
  characters: Float64Array;
  total: Float64Array;
  gone: Float64Array;
}

export function measureWindows(story: Story, windows: Windows): Composition {
  const { calls, messages } = story;
  const characters = new Float64Array(calls.length * ORIGINS.length);
  const total = new Float64Array(calls.length);
  const gone = new Float64Array(calls.length);
  const origins = messages.map((message) => Math.max(0, ORIGINS.indexOf(message.origin ?? "other")));
  for (let call = 0; call < calls.length; call++) {
    windows.each(call, (message, change) => {
      const length = messages[message].characters;
      if (!isPresent(change)) gone[call] += length;
      else {
        characters[call * ORIGINS.length + origins[message]] += length;
        total[call] += length;
      }
    });
  }
  return { characters, total, gone };
}

export interface Estimate {
  // Tokens of the call that the log holds no text of: tools, hidden instructions. 0 when unknown.
  unlogged: number;
  // Tokens for one character; null where the call was not metered, or where the text cannot account for its tokens.
  perCharacter: number | null;
  // `unlogged` is the least it can be, not an estimate: a text has no more tokens than characters.
  isLeast: boolean;
}

export function estimateTokens(story: Story, call: number, characters: number): Estimate {
  const measured = story.calls[call].input_tokens;
  if (measured === null || characters === 0) return { unlogged: 0, perCharacter: null, isLeast: false };
  const base = story.tokens?.base ?? null;
  if (base === null && measured > characters) return { unlogged: measured - characters, perCharacter: null, isLeast: true };
  const unlogged = Math.min(base ?? 0, measured);
  return { unlogged, perCharacter: (measured - unlogged) / characters, isLeast: false };
}

export interface Tally {
  same: number;
  added: number;
  rewritten: number;
  gone: number;
}

export function tallyChanges(blocks: Block[]): Tally {
  const tally = { same: 0, added: 0, rewritten: 0, gone: 0 };
  for (const { change } of blocks) {
    if (change === SAME) tally.same++;
    else if (change === ADDED) tally.added++;
    else if (change === REWRITTEN) tally.rewritten++;
    else tally.gone++;
  }
  return tally;
}

// Blocks as they are listed: long stretches without news are one line.
export type Listed = { fold: false; block: Block } | { fold: true; blocks: Block[]; gone: boolean };

const FOLD_SAME = 3;
const SHOW_GONE = 3;

export function foldBlocks(blocks: Block[]): Listed[] {
  const listed: Listed[] = [];
  for (let from = 0; from < blocks.length; ) {
    const kind = kindOf(blocks[from]);
    let to = from + 1;
    while (to < blocks.length && kind !== "news" && kindOf(blocks[to]) === kind) to++;
    listed.push(...foldStretch(blocks.slice(from, to), kind));
    from = to;
  }
  return listed;
}

function kindOf(block: Block): "same" | "gone" | "news" {
  return block.change === SAME ? "same" : isPresent(block.change) ? "news" : "gone";
}

function foldStretch(stretch: Block[], kind: "same" | "gone" | "news"): Listed[] {
  const single = (block: Block): Listed => ({ fold: false, block });
  if (kind === "same" && stretch.length >= FOLD_SAME) return [{ fold: true, blocks: stretch, gone: false }];
  if (kind !== "gone" || stretch.length <= SHOW_GONE + 2) return stretch.map(single);
  return [...stretch.slice(0, SHOW_GONE).map(single), { fold: true, blocks: stretch.slice(SHOW_GONE), gone: true }];
}

// In which windows a text stood, by the messages that hold it.
export interface Presence {
  text: string;
  messages: Set<number>;
  // Per call: how many blocks of its window hold the text.
  counts: Uint32Array;
  // The call before which it went, and how: an index of CHANGES; -1 when it never went for good.
  lostAt: number;
  lostHow: number;
}

export function findPresence(story: Story, windows: Windows, text: string, keys: Iterable<string>): Presence {
  const wanted = new Set(keys);
  const messages = new Set<number>();
  story.messages.forEach((message, at) => wanted.has(message.key) && messages.add(at));
  const counts = new Uint32Array(story.calls.length);
  let lostAt = -1;
  let lostHow = DROPPED;
  for (let call = 0; call < story.calls.length; call++) {
    let went = -1;
    windows.each(call, (message, change, before) => {
      if (isPresent(change)) counts[call] += Number(messages.has(message));
      else if (messages.has(message)) went = change;
      if (before >= 0 && messages.has(before)) went = Math.max(went, REWRITTEN);
    });
    if (counts[call] > 0) lostAt = -1;
    else if (went >= 0) [lostAt, lostHow] = [call, went];
  }
  return { text, messages, counts, lostAt, lostHow };
}

export function numberOf(story: Story, call: number): string {
  return formatCount(story.calls[call].number);
}

// Calls as a person lists them: "calls 2–7 and 9".
export function listCalls(story: Story, counts: Uint32Array): string {
  const ranges: string[] = [];
  let held = 0;
  for (let call = 0; call < counts.length; call++) {
    if (!counts[call]) continue;
    const from = call;
    while (call + 1 < counts.length && counts[call + 1]) call++;
    held += call - from + 1;
    ranges.push(from === call ? numberOf(story, from) : `${numberOf(story, from)}–${numberOf(story, call)}`);
  }
  if (ranges.length > 6) ranges.splice(5, ranges.length - 6, "…");
  const text = ranges.length < 2 ? ranges.join("") : `${ranges.slice(0, -1).join(", ")} and ${ranges[ranges.length - 1]}`;
  return `${held === 1 ? "call" : "calls"} ${text}`;
}

const LOST_BY = { [REWRITTEN]: "rewritten", [DROPPED]: "dropped", [COMPACTED]: "dropped by compaction" } as Record<number, string>;

export function tellPresence(story: Story, presence: Presence): string {
  const { text, messages, counts, lostAt, lostHow } = presence;
  const quoted = `“${showInline(text)}”`;
  if (messages.size === 0) return `${quoted} stands in no message of this story.`;
  const last = counts.reduce((found, count, call) => (count ? call : found), -1);
  const said = story.messages.findIndex((message, at) => messages.has(at) && message.direction === 2);
  if (last < 0) {
    const by = said >= 0 ? story.messages[said].first : null;
    return `${quoted} never stood in a window${by === null || by === undefined ? "" : `; the answer of call ${numberOf(story, by)} says it`}.`;
  }
  const where = `${quoted} stood in the window of ${listCalls(story, counts)} of ${formatCount(counts.length)}`;
  if (lostAt < 0) return last === counts.length - 1 ? `${where}, up to the last.` : `${where}; last seen in call ${numberOf(story, last)}.`;
  return `${where}: last seen in call ${numberOf(story, last)}, ${LOST_BY[lostHow]} at call ${numberOf(story, lostAt)}.`;
}

// What the transcript shows at one call, in order; a message is shown once, where it first stood.
export interface Turn {
  heard: number[];
  said: number[];
  // Messages said again that were told before.
  again: number[];
  tools: Tool[];
  runs: Run[];
}

export interface Transcript {
  turns: Turn[];
  // Runs of other agents before the first call.
  before: Run[];
  // The message that answers a tool call.
  answers: Map<string, number>;
  // The span of a tool call.
  toolOf: Map<string, Tool>;
  runOf: Map<number, Run[]>;
}

export function tellStory(story: Story): Transcript {
  const turns: Turn[] = story.calls.map(() => ({ heard: [], said: [], again: [], tools: [], runs: [] }));
  const asked = new Set(story.messages.flatMap((message) => message.asks?.map(([id]) => id) ?? []));
  const answers = new Map<string, number>();
  story.messages.forEach((message, at) => {
    for (const id of message.answers ?? []) if (!answers.has(id)) answers.set(id, at);
    placeMessage(message, at, turns, asked);
  });
  const toolOf = new Map(story.tools.filter((tool) => tool.tool_call_id).map((tool) => [tool.tool_call_id!, tool]));
  const runOf = new Map<number, Run[]>();
  for (const run of story.runs) if (run.tool_preorder !== null) runOf.set(run.tool_preorder, [...(runOf.get(run.tool_preorder) ?? []), run]);
  for (const tool of story.tools) if (!tool.tool_call_id || !asked.has(tool.tool_call_id)) turns[tool.call]?.tools.push(tool);
  const told = new Set(story.tools.map((tool) => tool.preorder));
  const loose = story.runs.filter((run) => run.tool_preorder === null || !told.has(run.tool_preorder));
  for (const run of loose) turns[run.call]?.runs.push(run);
  return { turns, before: loose.filter((run) => run.call < 0), answers, toolOf, runOf };
}

function placeMessage(message: Message, at: number, turns: Turn[], asked: Set<string>): void {
  if (message.first === null || message.first === undefined) return;
  for (const call of message.said_by) turns[call]?.[call === message.first && message.direction === 2 ? "said" : "again"].push(at);
  // The answer to a tool call is told with the call.
  const isAnswer = message.types.every((type) => type === "tool_call_response") && message.answers.length > 0 && message.answers.every((id) => asked.has(id));
  if (message.direction !== 2 && !isAnswer) turns[message.first]?.heard.push(at);
}

export const CHANGE_WORDS: Record<number, string> = {
  [SAME]: "as before", [ADDED]: "added", [REWRITTEN]: "rewritten", [DROPPED]: "dropped", [COMPACTED]: "replaced by the summary",
};
