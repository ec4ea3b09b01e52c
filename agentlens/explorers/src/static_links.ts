// What the kernel does for linked explorers, done in the page: spans picked in one view are lit up in the trees.

import type { Model } from "./model.ts";

const known = new WeakMap<object, Map<string, number>>();

// Rows by span id, from the JSON list in `_span_ids`; empty where a tree carries none.
function rowsOf(packed: unknown): Map<string, number> {
  if (!(packed instanceof DataView)) return new Map();
  let rows = known.get(packed);
  if (!rows) {
    const ids: string[] = JSON.parse(new TextDecoder().decode(packed));
    rows = new Map();
    for (let row = ids.length - 1; row >= 0; row--) rows.set(ids[row], row);
    known.set(packed, rows);
  }
  return rows;
}

export function rowOfSpan(state: Record<string, unknown>, spanId: string): number {
  return rowsOf(state["_span_ids"]).get(spanId) ?? -1;
}

// One bit a row, lowest first; null for fewer than two rows, for then there is nothing to light up beside the selection.
export function packRows(rows: number[], n: number): DataView | null {
  if (rows.length < 2) return null;
  const bytes = new Uint8Array(Math.ceil(n / 8));
  for (const row of rows) bytes[row >> 3] |= 1 << (row & 7);
  return new DataView(bytes.buffer);
}

// Says how many of the spans the tree shows.
export function lightUp(tree: Model, spanIds: string[]): number {
  const known = rowsOf(tree.get("_span_ids"));
  const rows = spanIds.map((id) => known.get(id) ?? -1).filter((row) => row >= 0).sort((a, b) => a - b);
  tree.set("_highlight", packRows(rows, tree.get("_header").n));
  tree.set("_row", rows[0] ?? -1);
  return rows.length;
}

export function linkSelections(page: Document, models: Map<string, Model>): void {
  const trees = [...models].filter(([, model]) => model.get("_span_ids"));
  for (const [name, model] of models) {
    if (!model.get("_reach")) continue;
    model.on("change:selection", () => {
      for (const [tree, to] of trees) {
        const lit = lightUp(to, model.get("selection"));
        // A finding is clicked to see its spans; elsewhere one goes on looking round.
        if (lit > 0 && page.getElementById(name)?.dataset["explorer"] === "findings") page.getElementById(tree)?.scrollIntoView({ block: "nearest" });
      }
    });
  }
}
