// What the kernel does for linked explorers, done in the page: whatever is selected in one view is selected in all.

import { readColumn } from "./columns.ts";
import type { Model } from "./model.ts";
import { namePick } from "./picking.ts";

const listed = new WeakMap<object, { ids: string[]; rows: Map<string, number> }>();

// Span ids from their bytes: a JSON object with those that are not 16 hexadecimal digits, a zero, and eight bytes for each id.
export function readSpanIds(packed: DataView): string[] {
  const bytes = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
  const from = bytes.indexOf(0) + 1;
  const digits = Array.from(bytes.subarray(from), (byte) => byte.toString(16).padStart(2, "0"));
  const ids = Array.from({ length: digits.length / 8 }, (_one, at) => digits.slice(at * 8, at * 8 + 8).join(""));
  return Object.assign(ids, JSON.parse(new TextDecoder().decode(bytes.subarray(0, from - 1))));
}

// The span ids of a tree, from the JSON list in `_span_ids` or the page's own, and their rows; empty where a tree carries none.
function spansOf(packed: unknown): { ids: string[]; rows: Map<string, number> } {
  if (!(packed instanceof DataView) && !Array.isArray(packed)) return { ids: [], rows: new Map() };
  let spans = listed.get(packed);
  if (!spans) {
    const ids: string[] = Array.isArray(packed) ? packed : JSON.parse(new TextDecoder().decode(packed));
    spans = { ids, rows: new Map() };
    for (let row = ids.length - 1; row >= 0; row--) spans.rows.set(ids[row], row);
    listed.set(packed, spans);
  }
  return spans;
}

export function rowOfSpan(state: Record<string, unknown>, spanId: string): number {
  return spansOf(state["_span_ids"]).rows.get(spanId) ?? -1;
}

// One bit a row, lowest first; null for fewer than two rows, for then there is nothing to light up beside the selection.
export function packRows(rows: number[], n: number): DataView | null {
  if (rows.length < 2) return null;
  const bytes = new Uint8Array(Math.ceil(n / 8));
  for (const row of rows) bytes[row >> 3] |= 1 << (row & 7);
  return new DataView(bytes.buffer);
}

// Says how many of the spans the tree shows. The first of them is the one in focus.
export function lightUp(tree: Model, spanIds: string[]): number {
  const known = spansOf(tree.get("_span_ids")).rows;
  const rows = spanIds.map((id) => known.get(id) ?? -1).filter((row) => row >= 0);
  tree.set("_highlight", packRows(rows, tree.get("_header").n));
  tree.set("_row", rows[0] ?? -1);
  return rows.length;
}

const inverted = new WeakMap<object, Map<string, string[]>>();

function partsBehind(reach: Record<string, string[]>): Map<string, string[]> {
  let parts = inverted.get(reach);
  if (!parts) {
    parts = new Map();
    for (const [name, spans] of Object.entries(reach)) for (const span of spans) parts.set(span, [...(parts.get(span) ?? []), name]);
    inverted.set(reach, parts);
  }
  return parts;
}

// What a tree says of a row: its agent, its tool and its trace, as names of parts.
function partsOfRow(tree: Model, row: number): string[] {
  const header = tree.get("_header");
  const word = (name: string) => header.dictionaries[name][readColumn(tree.get("_columns"), header, name)[row]];
  const trace = header.traces.find((mark: { row: number; end: number }) => row >= mark.row && row < mark.end)?.trace_id;
  const tool = word("operation") === "execute_tool" ? word("tool") : "";
  return [["agent", word("agent")], ["tool", tool], ["trace", trace]].filter(([, key]) => key).map(([kind, key]) => namePick(kind, key));
}

// The parts of a view that spans belong to, as far as the page knows: what the view carries, and what the trees say.
export function partsOf(view: Model, spanIds: string[], trees: Model[]): string[] {
  const behind = partsBehind(view.get("_reach"));
  const names = new Set(spanIds.flatMap((id) => behind.get(id) ?? []));
  for (const tree of trees) for (const id of spanIds) {
    const row = spansOf(tree.get("_span_ids")).rows.get(id);
    if (row !== undefined) for (const name of partsOfRow(tree, row)) names.add(name);
  }
  return [...names];
}

interface Story {
  calls?: { span_id: string }[];
  tools?: { span_id: string; call: number }[];
}

// The call of a story that a span is, or is a tool of; -1 for none.
export function callOfSpan(story: Story, spanId: string): number {
  const call = (story.calls ?? []).findIndex((one) => one.span_id === spanId);
  return call >= 0 ? call : story.tools?.find((tool) => tool.span_id === spanId)?.call ?? -1;
}

// How one view tells what is selected in it, and takes what is selected elsewhere.
interface Link {
  name: string;
  event: string;
  tell(): string[];
  take(spanIds: string[]): void;
}

function linkTree(name: string, tree: Model): Link {
  const tell = () => {
    const id = spansOf(tree.get("_span_ids")).ids[tree.get("_row")];
    return id === undefined ? [] : [id];
  };
  return { name, event: "change:_row", tell, take: (spanIds) => void lightUp(tree, spanIds) };
}

function linkParts(name: string, view: Model, trees: Model[]): Link {
  const take = (spanIds: string[]) => {
    const same = new Set([...spanIds, ...view.get("selection")]).size === spanIds.length && spanIds.length === view.get("selection").length;
    view.set("selection", spanIds);
    // The same spans in another order are still those of what is picked.
    if (same) return;
    view.set("picked", {});
    view.set("_touched", partsOf(view, spanIds, trees));
  };
  return { name, event: "change:selection", tell: () => (view.set("_touched", []), view.get("selection")), take };
}

function linkStory(name: string, view: Model): Link {
  const take = (spanIds: string[]) => {
    const call = spanIds.length ? callOfSpan(view.get("_story"), spanIds[0]) : -1;
    if (call >= 0) view.set("_call", call);
  };
  return { name, event: "change:_call", tell: () => [view.get("_story").calls[view.get("_call")]?.span_id].filter(Boolean), take };
}

export function linkSelections(page: Document, models: Map<string, Model>): void {
  const trees = [...models.values()].filter((model) => model.get("_span_ids"));
  const links: Link[] = [];
  for (const [name, model] of models) {
    if (model.get("_span_ids")) links.push(linkTree(name, model));
    else if (model.get("_reach")) links.push(linkParts(name, model, trees));
    else if (model.get("_story")?.calls) {
      links.push(linkStory(name, model));
      // A step that one goes to from a story may be none of its own.
      links.push({ name, event: "change:selection", tell: () => model.get("selection") ?? [], take: () => undefined });
    }
  }
  let selected: string[] = [];
  let telling = false;
  for (const from of links) {
    models.get(from.name)!.on(from.event, () => {
      if (telling) return;
      telling = true;
      const told = from.tell();
      // One of several that are selected comes to the front; the others stay.
      const isTree = from.event === "change:_row";
      selected = isTree && told.length && selected.includes(told[0]) ? [told[0], ...selected.filter((id) => id !== told[0])] : told;
      if (isTree) from.take(selected);
      for (const to of links) if (to !== from) to.take(selected);
      telling = false;
      // A finding is clicked to see its spans; elsewhere one goes on looking round.
      if (selected.length && kindOf(page, from.name) === "findings") page.getElementById(links.find(({ event }) => event === "change:_row")?.name ?? "")?.scrollIntoView({ block: "nearest" });
    });
  }
}

function kindOf(page: Document, name: string): string | undefined {
  return page.getElementById(name)?.dataset["explorer"];
}
