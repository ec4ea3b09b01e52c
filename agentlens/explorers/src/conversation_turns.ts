// One turn of a transcript: what was heard before a model call, the call, what it said, and the tools and agents it called.

import { h, icon, type Child } from "./dom.ts";
import { countOf, formatClock, formatCost, formatCount, formatDuration, formatTokens, showControls, showInline } from "./format.ts";
import { partBlocks, partText } from "./conversation_parts.ts";
import { ORIGIN_WORDS } from "./conversation_strip.ts";
import { tellStory, type Call, type Message, type Run, type Story, type Tool, type Transcript } from "./conversation_story.ts";
import type { Part, TextStore } from "./conversation_texts.ts";

export interface TurnHost {
  store: TextStore;
  // Selects a call of the story on screen; not there inside a nested story.
  onCall?(call: number): void;
}

export interface Teller extends TurnHost {
  story: Story;
  told: Transcript;
}

const FOLDED_ROLES = new Set(["system"]);

export function turnBlock(call: number, teller: Teller): HTMLElement {
  const { story, told } = teller;
  const turn = told.turns[call];
  const element = h("article", { class: "al-turn", "data-call": call, "aria-label": `Call ${formatCount(story.calls[call].number)}` });
  const run = story.calls[call].run_preorder;
  const isNewRun = call > 0 && run !== null && run !== (story.calls[call - 1]?.run_preorder ?? null);
  element.append(...[
    isNewRun ? h("p", { class: "al-run-mark" }, "A new run begins, with a window of its own") : null,
    ...(call === 0 ? told.before.map((found) => runBlock(found, teller)) : []),
    cutBlock(call, teller),
    ...turn.heard.map((at) => messageBlock(at, teller)),
    callHead(story.calls[call], call, teller),
    story.calls[call].is_error ? errorLine(story.calls[call].error) : null,
    ...turn.said.map((at) => messageBlock(at, teller)),
    ...turn.again.map((at) => againLine(at, teller)),
    ...turn.tools.map((tool) => toolCard(null, tool, teller)),
    ...turn.runs.map((found) => runBlock(found, teller)),
  ].filter((child): child is HTMLElement => child !== null));
  return element;
}

function errorLine(error: string | null): HTMLElement {
  return h("div", { class: "al-error", role: "note", "aria-label": "Error" }, icon("error"), h("pre", { class: "al-text" }, showControls(error ?? "failed, and the log does not say why")));
}

function cutBlock(call: number, teller: Teller): HTMLElement | null {
  const cut = teller.story.cuts?.find((found) => found.call === call);
  if (!cut) return null;
  const messages = countOf(cut.messages, "message");
  const words = cut.summary !== null ? `Compaction: a summary took the place of ${messages}` : `${messages} left the window`;
  const mark = h("button", { type: "button", class: `al-cut${cut.summary !== null ? " al-cut-summary" : ""}` }, icon("warning"), words);
  mark.addEventListener("click", () => teller.onCall?.(call));
  return mark;
}

function callHead(call: Call, at: number, teller: Teller): HTMLElement {
  const facts = [
    call.start_ms === null ? "" : formatClock(call.start_ms, 1000),
    call.duration_ms === null ? "" : formatDuration(call.duration_ms),
    call.model ?? "",
    call.input_tokens === null ? "" : `${formatTokens(call.input_tokens) || "0"} in${call.cache_read_input_tokens ? ` (${Math.round((100 * call.cache_read_input_tokens) / Math.max(1, call.input_tokens))} % cached)` : ""}`,
    call.output_tokens === null ? "" : `${formatTokens(call.output_tokens) || "0"} out`,
    call.cost_usd === null ? "" : formatCost(call.cost_usd),
  ].filter(Boolean).map((fact) => h("span", {}, showInline(fact)));
  const number = `Call ${formatCount(call.number)}`;
  if (!teller.onCall) return h("div", { class: "al-call" }, h("strong", {}, number), ...facts);
  const head = h("button", { type: "button", class: "al-call", title: "Show the window of this call" }, h("strong", {}, number), ...facts);
  head.addEventListener("click", () => teller.onCall!(at));
  return head;
}

export function speakerOf(message: Message, story: Story): string {
  if (message.direction === 2 || message.role === "assistant") return story.agent ?? "Model";
  if (message.origin === "agent") return `Brief by ${message.origin_agent ?? "an agent"}`;
  if (message.origin === "summary") return "Summary";
  if (message.origin === "memory") return "Memory";
  return { system: "System", user: story.windows ? "User" : "Brief", tool: "Result" }[message.role ?? ""] ?? message.role ?? "Message";
}

function line(kind: string, who: string, title: string, ...body: Child[]): HTMLElement {
  return h("div", { class: `al-line al-line-${kind}` }, h("div", { class: "al-who", title: showInline(title) }, showInline(who)), h("div", { class: "al-said-body" }, ...body));
}

function messageBlock(at: number, teller: Teller): HTMLElement {
  const { story, store } = teller;
  const message = story.messages[at];
  const kind = message.origin ?? (message.direction === 2 ? "assistant" : message.role ?? "other").replace(/\W/g, "");
  const who = speakerOf(message, story);
  const body = h("div", { class: "al-parts" }, h("p", { class: "al-quiet" }, showInline(message.opening ?? "")));
  const element = line(kind, message.name ? `${who} (${message.name})` : who, ORIGIN_WORDS[message.origin ?? "other"] ?? who, body);
  const fill = () => store.when([message.key], () => body.replaceChildren(...spokenParts(store.get(message.key)!, message, teller)));
  if (!FOLDED_ROLES.has(message.role ?? "") || message.characters <= (message.opening ?? "").length) fill();
  else body.replaceChildren(folded(`${showInline(message.opening ?? "")} …`, message.characters, fill, body));
  return element;
}

function folded(opening: string, characters: number, fill: () => void, body: HTMLElement): HTMLElement {
  const more = h("button", { type: "button", class: "al-more" }, `Show all ${formatCount(characters)} characters`);
  more.addEventListener("click", () => {
    body.replaceChildren(h("p", { class: "al-quiet" }, "asking…"));
    fill();
  });
  return h("div", {}, h("p", { class: "al-quiet" }, opening), more);
}

function spokenParts(parts: Part[], message: Message, teller: Teller): HTMLElement[] {
  if (parts.length === 0) return [h("p", { class: "al-quiet" }, showInline(message.opening ?? ""), " (the whole text is not part of this page)")];
  return parts.flatMap((part) => {
    if (part.type === "tool_call") return [toolCard(part, part.id ? teller.told.toolOf.get(part.id) ?? null : null, teller)];
    return partBlocks([part], { store: teller.store, key: message.key });
  });
}

function againLine(at: number, teller: Teller): HTMLElement {
  const message = teller.story.messages[at];
  const first = message.first === null ? "" : `, as before call ${formatCount(teller.story.calls[message.first].number)}`;
  return line("assistant", speakerOf(message, teller.story), "said again", h("p", { class: "al-quiet" }, `${showInline(message.opening ?? "")} (the same again${first})`));
}

// A tool call: one line that opens to arguments and result, with the runs of other agents it began.
function toolCard(part: Part | null, tool: Tool | null, teller: Teller): HTMLElement {
  const failed = tool?.is_error ?? false;
  const name = part?.name ?? tool?.tool_name ?? "tool";
  const duration = tool?.duration_ms;
  const card = h("details", { class: `al-tool${failed ? " al-tool-failed" : ""}`, open: failed },
    h("summary", {}, icon("chevron"), h("span", { class: "al-tool-name" }, showInline(name)),
      h("span", { class: "al-tool-line" }, showInline((part?.text ?? "").slice(0, 300))),
      failed ? h("span", { class: "al-failed-mark" }, icon("error"), "failed") : null,
      duration === null || duration === undefined ? null : h("span", { class: "al-tool-time" }, formatDuration(duration))));
  const body = h("div", { class: "al-tool-body" });
  card.append(body);
  const fill = () => body.childElementCount === 0 && fillTool(body, part, tool, teller);
  card.addEventListener("toggle", () => card.open && fill());
  if (failed) fill();
  const runs = tool ? teller.told.runOf.get(tool.preorder) ?? [] : [];
  return runs.length ? h("div", { class: "al-tool-with-runs" }, card, ...runs.map((run) => runBlock(run, teller))) : card;
}

function fillTool(body: HTMLElement, part: Part | null, tool: Tool | null, teller: Teller): void {
  const { store, told, story } = teller;
  const answer = part?.id === undefined ? undefined : told.answers.get(part.id);
  const own = tool ? `tool:${tool.preorder}` : null;
  const key = answer !== undefined ? story.messages[answer].key : own;
  if (tool?.is_error) body.append(errorLine(tool.error));
  const result = h("div", {}, h("p", { class: "al-quiet" }, "asking…"));
  if (part) body.append(labelled("arguments", partText(part, 0, { store, key: ownerOf(part, story) })));
  body.append(result);
  if (key === null) return result.replaceChildren(h("p", { class: "al-quiet" }, "No result is logged."));
  store.when([key], () => result.replaceChildren(...resultBlocks(store.get(key)!, part, key, teller)));
}

function ownerOf(part: Part, story: Story): string {
  return story.messages.find((message) => message.asks.some(([id]) => id === part.id))?.key ?? "";
}

function resultBlocks(parts: Part[], part: Part | null, key: string, teller: Teller): HTMLElement[] {
  const wanted = parts.filter((found) => (key.startsWith("tool:") ? part === null || found.type !== "tool_call" : found.id === part?.id || found.type !== "tool_call_response"));
  if (wanted.length === 0) return [h("p", { class: "al-quiet" }, parts.length ? "No result is logged." : "The result is not part of this page.")];
  return wanted.map((found) => labelled(found.type === "tool_call" ? "arguments" : "result", partText(found, parts.indexOf(found), { store: teller.store, key })));
}

function labelled(label: string, body: HTMLElement): HTMLElement {
  return h("div", { class: "al-labelled" }, h("span", { class: "al-tag" }, label), body);
}

const MOST_NESTED = 200;

// Another agent's run: a story within the story, told when it is opened.
export function runBlock(run: Run, teller: TurnHost): HTMLElement {
  const facts = [
    run.calls ? countOf(run.calls, "call") : "no model calls", run.tokens ? `${formatTokens(run.tokens)} tokens` : "",
    run.duration_ms === null ? "" : formatDuration(run.duration_ms),
  ].filter(Boolean).join(" · ");
  const nested = h("details", { class: "al-run" }, h("summary", {}, icon("chevron"), h("strong", {}, showInline(run.agent_name ?? "another agent")),
    h("span", { class: "al-quiet" }, facts), run.is_error ? h("span", { class: "al-failed-mark" }, icon("error"), "failed") : null));
  const body = h("div", { class: "al-run-body" });
  nested.append(body);
  nested.addEventListener("toggle", () => nested.open && body.childElementCount === 0 && tellRun(run, body, teller.store));
  return nested;
}

function tellRun(run: Run, body: HTMLElement, store: TextStore): void {
  body.replaceChildren(h("p", { class: "al-quiet", role: "status" }, "asking…"));
  store.run(run.preorder).then((story) => {
    const teller: Teller = { story, told: tellStory(story), store };
    const shown = story.calls.slice(0, MOST_NESTED);
    body.replaceChildren(...(run.is_error ? [errorLine(run.error)] : []), ...shown.map((_call, at) => turnBlock(at, teller)));
    if (shown.length === 0) body.append(h("p", { class: "al-quiet" }, "No model was called in this run."));
    if (story.calls.length > shown.length) body.append(h("p", { class: "al-quiet" }, `The first ${formatCount(shown.length)} of ${formatCount(story.calls.length)} calls.`));
  }, (error: Error) => body.replaceChildren(h("p", { class: "al-error", role: "alert" }, error.message)));
}
