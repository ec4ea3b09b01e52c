// Parts of messages as a person reads them: text, thoughts, tool calls and results; always as text.

import { textBlock } from "./details.ts";
import { h, type Child } from "./dom.ts";
import { findMarks } from "./search.ts";
import { formatCount, indentJson, showControls, showInline } from "./format.ts";
import type { Part, TextStore } from "./conversation_texts.ts";

export interface PartView {
  store: TextStore;
  key: string;
  // Leave out parts of these types.
  without?: string[];
  // The text that is looked for, to be set off.
  query?: string;
}

const LABELS: Record<string, string> = { reasoning: "thought", tool_call: "calls", tool_call_response: "result" };

export function partBlocks(parts: Part[], view: PartView): HTMLElement[] {
  if (parts.length === 0) return [h("p", { class: "al-quiet" }, "The text is not part of this page.")];
  return parts.filter((part) => !view.without?.includes(part.type)).map((part, at) => partBlock(part, at, view));
}

function partBlock(part: Part, at: number, view: PartView): HTMLElement {
  const label = LABELS[part.type] ?? part.type;
  const isPlain = part.type === "text" && !part.name;
  const head: Child = isPlain ? null : h("div", { class: "al-part-head" }, h("span", { class: "al-tag" }, showInline(label)),
    part.name ? h("span", { class: "al-part-name" }, showInline(part.name)) : null);
  return h("div", { class: `al-part al-part-${part.type.replace(/\W/g, "")}` }, head, partText(part, at, view));
}

export function partText(part: Part, at: number, view: PartView): HTMLElement {
  const text = part.text ?? "";
  if (text === "") return h("p", { class: "al-quiet" }, "(empty)");
  const isCode = /tool|call|response/.test(part.type);
  const found = view.query ? excerpt(text, view.query) : null;
  const block = (part.type === "tool_call" && part.size === undefined && valueList(text)) || textBlock(text, isCode);
  return h("div", {}, found, part.size === undefined ? block : cutBlock(block, part, at, view));
}

const LONG_VALUE = 80;

// Arguments with long texts read better one below the other than as JSON; null where a list would not say exactly the same.
export function readValues(json: string): [name: string, value: string][] | null {
  let object: unknown;
  try {
    object = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof object !== "object" || object === null || Array.isArray(object)) return null;
  const values = Object.entries(object);
  const isPlain = ([, value]: [string, unknown]) => typeof value === "string" || typeof value === "boolean" || value === null || Number.isSafeInteger(value);
  if (values.length === 0 || !values.every(isPlain)) return null;
  if (!values.some(([, value]) => typeof value === "string" && (value.includes("\n") || value.length > LONG_VALUE))) return null;
  return values.map(([name, value]) => [name, String(value)]);
}

function valueList(json: string): HTMLElement | null {
  const values = readValues(json);
  if (!values) return null;
  const list = h("dl", { class: "al-values-list" });
  for (const [name, value] of values) list.append(h("dt", {}, showInline(name)), h("dd", {}, textBlock(value)));
  return list;
}

// A text that is cut already has one button, which fetches the whole of it.
function cutBlock(shown: HTMLElement, part: Part, at: number, view: PartView): HTMLElement {
  shown.querySelector(".al-more")?.remove();
  const more = h("button", { type: "button", class: "al-more" }, `Show all ${formatCount(part.size!)} characters`);
  const block = h("div", {}, shown, more);
  more.addEventListener("click", () => {
    more.textContent = "asking…";
    view.store.whole(view.key).then((parts) => showWhole(block, parts[at] ?? part), (error: Error) => (more.textContent = error.message));
  });
  return block;
}

function showWhole(block: HTMLElement, part: Part): void {
  const rest = part.size === undefined ? null : h("p", { class: "al-quiet" }, `… cut here: the rest of ${formatCount(part.size)} characters is not part of this page.`);
  const pre = h("pre", { class: "al-text al-code", dir: "auto" }, showControls(indentJson(part.text) ?? part.text));
  if (part.type === "text" || part.type === "reasoning") pre.classList.remove("al-code");
  block.replaceChildren(pre, ...(rest ? [rest] : []));
}

const AROUND = 90;

// The line in which a searched text stands, so that one need not unfold a long text to see it.
function excerpt(text: string, query: string): HTMLElement | null {
  const at = text.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return null;
  const from = Math.max(0, at - AROUND);
  const to = Math.min(text.length, at + query.length + AROUND);
  const line = showInline(text.slice(from, to));
  const element = h("p", { class: "al-found" });
  const marks = findMarks(line, query.trim().split(/\s+/).length > 1 ? "" : query);
  const place = line.toLowerCase().indexOf(query.toLowerCase());
  const ranges: [number, number][] = place >= 0 ? [[place, place + query.length]] : marks;
  let done = 0;
  element.append(from > 0 ? "… " : "");
  for (const [first, last] of ranges) {
    element.append(line.slice(done, first), h("mark", {}, line.slice(first, last)));
    done = last;
  }
  element.append(line.slice(done), to < text.length ? " …" : "");
  return element;
}

const isWord = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}_]/u.test(character);

// What changed between two texts, in whole words: what both begin and end with is left out.
export function changedMiddle(before: string, after: string): { before: string; after: string; head: string; tail: string } {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  if (head < most || before.length !== after.length) while (head > 0 && isWord(before[head - 1]) && (isWord(before[head]) || isWord(after[head]))) head--;
  let tail = 0;
  const at = (text: string, back: number) => text[text.length - 1 - back];
  while (tail < most - head && at(before, tail) === at(after, tail)) tail++;
  while (tail > 0 && isWord(at(before, tail - 1)) && (isWord(at(before, tail)) || isWord(at(after, tail)))) tail--;
  return { head: after.slice(0, head), before: before.slice(head, before.length - tail), after: after.slice(head, after.length - tail), tail: tail ? after.slice(-tail) : "" };
}

const CONTEXT = 160;
const MOST_CHANGED = 4000;

export function changeBlock(before: string, after: string): HTMLElement {
  const { head, before: gone, after: came, tail } = changedMiddle(before, after);
  const cut = (text: string) => (text.length > MOST_CHANGED ? `${text.slice(0, MOST_CHANGED)}… (${formatCount(text.length)} characters)` : text);
  return h("pre", { class: "al-text al-code al-changed", "aria-label": "What was rewritten" },
    showControls(head.length > CONTEXT ? `… ${head.slice(-CONTEXT)}` : head), gone ? h("del", {}, showControls(cut(gone))) : null,
    came ? h("ins", {}, showControls(cut(came))) : null, showControls(tail.length > CONTEXT ? `${tail.slice(0, CONTEXT)} …` : tail));
}
