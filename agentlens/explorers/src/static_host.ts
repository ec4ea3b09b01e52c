// Explorers in a page without a kernel: the HTML report.
//
// THE CONTRACT WITH THE PAGE
//
// 1. Every explorer has a place and a state. The place:
//
//      <div id="tree" data-explorer="trace_tree" data-state="tree-state"></div>
//
//    data-explorer: trace_tree | charts | overview | agent_map | findings | conversation. data-state: the id of a script that holds the state as JSON,
//    with < > & U+2028 U+2029 written as \u003c … so that nothing in it can end the script:
//
//      <script type="application/json" id="tree-state">
//        {"state": {"_header": {…}, "_row": -1}, "binary": {"_columns": "tree-columns"}, "details": "tree-details"}
//      </script>
//
//    or packed: <script type="text/plain" id="tree-state"> with base64(zlib(that JSON)), a fifth of its size.
//
//    state    the JSON traits of the widget, as `get_state()` gives them.
//    binary   trait -> id of a <script type="text/plain"> with base64(zlib.compress(bytes)): the bytes traits.
//    details  (optional) id of such a script whose inflated text is a JSON object {"<row>": span}, `span` as in
//             requests.ts. It answers clicks; rows that are not in it get the sentence `missing`. Those of findings
//             are the records behind the evidence {"<finding>.<evidence>": text}, those of a conversation are
//             texts and stories, see answerConversation in conversation_texts.ts.
//    missing  (optional) what to say about those rows.
//    shuffled (optional) the trait of bytes whose columns stand byte by byte: the first byte of every row, then the second, ….
//
//    Where the page has <script type="text/plain" id="span-ids"> (see static_links.ts for its bytes), a control character 1 and a
//    number to the base of 36 stand in state and details for the JSON text of the span id of that number; a control character 2
//    and a number mean the span so far from the one named before.
//
// 2. One inline <script> at the end of <body> holds static/loader.js as it is, and <script type="text/plain" id="agentlens-script">
//    holds base64(zlib(static/report.js)): the loader unpacks it and runs it, for the policy names the hashes of both.
//    It mounts every place by itself; report_plain.js is the same without charts. What the page folds, <div data-folded="7"></div>,
//    is text 7 of the JSON list in <script type="text/plain" id="folded">, packed likewise. Policy that suffices:
//      default-src 'none'; script-src 'sha256-…' 'sha256-…'; style-src 'sha256-…'; img-src data:; base-uri 'none'; form-action 'none'
// 3. One <style> holds static/report.css.
// 4. A button anywhere may open a span: <button type="button" data-select-in="tree" data-select-row="17">.
// 5. Whatever is selected in one explorer is selected in all: spans in every trace_tree (`_span_ids`), the parts they belong to
//    in overview, agent_map and findings (`_reach`), the call in conversation. `#span=<id>` behind the page's address opens
//    that span. Nothing is to be done for it.
// 6. When a place is mounted it carries data-mounted="true"; when that failed, data-mounted="failed" and a sentence in it.

import { answerConversation, isAboutTexts } from "./conversation_texts.ts";
import { unshuffle, type Header } from "./columns.ts";
import { h } from "./dom.ts";
import { formatCount } from "./format.ts";
import { inflate, inflateText } from "./inflate.ts";
import type { Cleanup, Listener, Model, RenderProps } from "./model.ts";
import type { SpanDetail } from "./requests.ts";
import { linkSelections, readSpanIds, rowOfSpan } from "./static_links.ts";

export type Explorer = (props: RenderProps) => Cleanup;

export interface Embedded {
  state: Record<string, unknown>;
  binary?: Record<string, string>;
  details?: string;
  missing?: string;
  shuffled?: string;
}

type Answer = (message: any, reply: (answer: unknown) => void) => void;

// What anywidget's model is to a kernel, this is to a page.
export class StaticModel implements Model {
  private listeners = new Map<string, Set<Listener>>();

  constructor(private state: Record<string, unknown>, private answer: Answer) {}

  get(key: string): any {
    return this.state[key];
  }

  set(key: string, value: unknown): void {
    if (this.state[key] === value) return;
    this.state[key] = value;
    this.emit(`change:${key}`);
    this.emit("change");
  }

  save_changes(): void {
    // Nobody to save to: the state lives as long as the page.
  }

  on(event: string, listener: Listener): void {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)!.add(listener);
  }

  off(event: string, listener?: Listener): void {
    if (listener) this.listeners.get(event)?.delete(listener);
    else this.listeners.delete(event);
  }

  send(message: unknown): void {
    this.answer(message, (answer) => queueMicrotask(() => this.emit("msg:custom", answer, [])));
  }

  private emit(event: string, ...values: unknown[]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...values);
  }
}

function textOf(page: Document, id: string): string {
  const element = page.getElementById(id);
  if (!element) throw new Error(`the page has no element with the id ${id}`);
  return element.textContent ?? "";
}

// The span ids of the page by their number, which is their row in its tree; null where it has none of its own.
async function readIds(page: Document): Promise<string[] | null> {
  return page.getElementById("span-ids") ? readSpanIds(new DataView((await inflate(textOf(page, "span-ids"))).buffer)) : null;
}

// A text with the span ids put back for their numbers.
function nameSpans(text: string, ids: string[] | null): string {
  let number = 0;
  if (!ids) return text;
  return text.replace(/([\x01\x02])(-?[0-9a-z]+)/g, (_all, mark, digits) => {
    number = parseInt(digits, 36) + (mark === "\x02" ? number : 0);
    return JSON.stringify(ids[number]);
  });
}

async function readEmbedded(page: Document, id: string, ids: string[] | null): Promise<Embedded> {
  const text = textOf(page, id);
  const isPacked = page.getElementById(id)!.getAttribute("type") === "text/plain";
  return JSON.parse(isPacked ? nameSpans(await inflateText(text), ids) : text);
}

async function readState(page: Document, embedded: Embedded): Promise<Record<string, unknown>> {
  const state: Record<string, unknown> = { ...embedded.state };
  for (const [trait, id] of Object.entries(embedded.binary ?? {})) {
    const bytes = await inflate(textOf(page, id));
    const columns = trait === embedded.shuffled ? unshuffle(bytes, embedded.state["_header"] as Header) : bytes;
    state[trait] = new DataView(columns.buffer);
  }
  return state;
}

const MISSING = "The details of this span are not part of this report.";
const MISSING_RECORD = "This record is not part of the report.";
const NO_KERNEL = "SQL needs the kernel, and there is none here. Names, agents, tools, models and texts are searched all the same.";

// Answers questions about spans, records and conversations from the embedded details, inflated when first asked for.
function answerFrom(page: Document, embedded: Embedded, state: Record<string, unknown>, ids: string[] | null): Answer {
  let details: Promise<Record<string, unknown>> | null = null;
  const load = async () => (embedded.details ? JSON.parse(nameSpans(await inflateText(textOf(page, embedded.details)), ids)) : {});
  return (message, reply) => {
    const { type, id, row, key } = message ?? {};
    const fail = (sentence: string) => reply({ type: "error", id, message: sentence });
    if (type === "locate") return reply({ type, id, row: rowOfSpan(state, String(message.span_id)) });
    if (type === "where") return fail(NO_KERNEL);
    if (!["span", "search", "quote"].includes(type) && !isAboutTexts(message)) return;
    details ??= load();
    details.then((known) => {
      if (type === "search") return reply({ type, id, ...searchDetails(known as Record<string, SpanDetail>, String(message.text)) });
      if (isAboutTexts(message)) return reply(answerConversation(message, known));
      const found = known[String(type === "span" ? row : key)];
      if (found === undefined) fail(embedded.missing ?? (type === "span" ? MISSING : MISSING_RECORD));
      else reply(type === "span" ? { type, id, row, span: found } : { type, id, key, value: found });
    }, (error) => fail(String(error)));
  };
}

// The rows in whose details a text stands, of those that the page carries.
export function searchDetails(known: Record<string, SpanDetail>, text: string): { rows: number[]; note: string } {
  const wanted = text.trim().toLowerCase();
  const holds = ({ error, tool, messages }: SpanDetail) =>
    [error, tool?.arguments, tool?.result, ...messages.flatMap(({ parts }) => parts.map((part) => part.text))].some((said) => said?.toLowerCase().includes(wanted));
  const rows = Object.keys(known).filter((row) => holds(known[row])).map(Number).sort((a, b) => a - b);
  return { rows, note: `in the texts of the ${formatCount(Object.keys(known).length)} spans whose details are part of this report` };
}

async function mountOne(page: Document, place: HTMLElement, explorers: Record<string, Explorer>, ids: string[] | null): Promise<StaticModel> {
  const render = explorers[place.dataset["explorer"] ?? ""];
  if (!render) throw new Error(`no explorer is called ${place.dataset["explorer"]}`);
  const embedded = await readEmbedded(page, place.dataset["state"] ?? "", ids);
  const state = await readState(page, embedded);
  if (ids && place.dataset["explorer"] === "trace_tree") state["_span_ids"] ??= ids;
  const model = new StaticModel(state, answerFrom(page, embedded, state, ids));
  render({ model, el: place });
  return model;
}

// Mounts every explorer of the page; says by id which models there are.
export async function mountAll(page: Document, explorers: Record<string, Explorer>): Promise<Map<string, StaticModel>> {
  const models = new Map<string, StaticModel>();
  const ids = await readIds(page);
  for (const place of page.querySelectorAll<HTMLElement>("[data-explorer]")) {
    try {
      models.set(place.id, await mountOne(page, place, explorers, ids));
      place.dataset["mounted"] = "true";
    } catch (error) {
      place.append(h("p", { role: "alert" }, `This view could not be opened: ${error instanceof Error ? error.message : error}`));
      place.dataset["mounted"] = "failed";
    }
  }
  linkButtons(page, models);
  linkSelections(page, models);
  return models;
}

function linkButtons(page: Document, models: Map<string, StaticModel>): void {
  page.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-select-row]") : null;
    const place = button && page.getElementById(button.dataset["selectIn"] ?? "");
    if (!button || !place) return;
    models.get(place.id)?.set("_row", Number(button.dataset["selectRow"]));
    place.scrollIntoView({ block: "nearest" });
    // Whoever goes by keyboard or screen reader is taken along.
    const rows = [...place.querySelectorAll<HTMLElement>("[role=tree], [role=listbox]")];
    rows.find((list) => list.offsetParent !== null)?.focus({ preventScroll: true });
  });
}

export function mountWhenReady(explorers: Record<string, Explorer>): void {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => void mountAll(document, explorers));
  else void mountAll(document, explorers);
}
