// The panels below a chart: each has a chart, a table, or both, and all show only what belongs to what is picked.

import { findPicked, keepRow, pickRow, type ChartPanel, type ChartsState, type ChartTable, type Picked } from "./chart_state.ts";
import { h } from "./dom.ts";
import { showInline } from "./format.ts";
import { SortableTable } from "./table.ts";
import type { Theme } from "./theme.ts";
import { attachRows, mountChart, type ChartHost } from "./vega_view.ts";

class PanelView {
  readonly element: HTMLElement;
  private place = h("div", { class: "al-panel-chart", role: "group" });
  private count = h("span", { class: "al-panel-count" });
  private table: SortableTable | null = null;
  private clear: (() => void) | null = null;
  private shown: number[] = [];
  private drawing = 0;

  constructor(private panel: ChartPanel, private onPick: (picked: Picked) => void, private onHover: ChartHost["onHover"]) {
    this.place.setAttribute("aria-label", panel.title);
    const body: HTMLElement[] = [];
    if (panel.specs) body.push(this.place);
    if (panel.has_table) {
      this.table = new SortableTable(panel.title, (row) => this.pick(this.shown[row]));
      body.push(this.table.element);
    }
    const head = h("h3", { class: "al-panel-title" }, showInline(panel.title), this.count);
    const note = h("p", { class: "al-panel-note", hidden: !panel.note }, showInline(panel.note ?? ""));
    this.element = h("section", { class: panel.is_wide ? "al-panel al-panel-wide" : "al-panel" }, head, note, ...body);
  }

  private current: ChartTable | null = null;
  private picked: Picked = {};

  private pick(row: number): void {
    if (!this.current || row === undefined) return;
    const picked = pickRow(this.current, row);
    this.onPick(JSON.stringify(picked) === JSON.stringify(this.picked) ? {} : picked);
  }

  async show(table: ChartTable, measure: string, picked: Picked, theme: Theme): Promise<void> {
    const turn = ++this.drawing;
    this.current = table;
    this.picked = picked;
    this.shown = table.rows.map((_row, at) => at).filter((at) => keepRow(table, at, picked, this.panel.links));
    const isCut = this.shown.length < table.rows.length;
    this.count.textContent = isCut ? ` ${this.shown.length.toLocaleString("en-US")} of ${table.rows.length.toLocaleString("en-US")}` : "";
    const rows = this.shown.map((at) => table.rows[at]);
    this.table?.show({ columns: table.columns, rows }, this.shown.indexOf(findPicked(table, picked)));
    const spec = this.panel.specs?.[measure] ?? this.panel.specs?.["*"];
    if (!spec) return;
    const width = this.place.clientWidth;
    if (width === 0) return;
    if (rows.length === 0) {
      this.clear?.();
      this.clear = null;
      return this.place.replaceChildren(h("p", { class: "al-nothing" }, this.panel.empty ?? "Nothing to show."));
    }
    const inner = h("div", {});
    const sized = { ...spec, width: Math.max(160, width - 8), autosize: { type: "fit-x", contains: "padding" } };
    const attached = attachRows(sized, { columns: table.columns, rows }, this.shown);
    try {
      const clear = await mountChart(attached, theme, inner, { onPick: (row) => this.pick(row), onHover: this.onHover });
      if (turn !== this.drawing) return clear();
      this.clear?.();
      this.clear = clear;
      this.place.replaceChildren(inner);
    } catch (error) {
      this.place.replaceChildren(h("p", { class: "al-error", role: "alert" }, `This chart could not be drawn: ${error instanceof Error ? error.message : error}`));
    }
  }

  destroy(): void {
    this.drawing++;
    this.clear?.();
  }
}

export class ChartPanels {
  readonly element = h("div", { class: "al-panels" });
  private views: { panel: ChartPanel; view: PanelView }[] = [];

  constructor(private onPick: (picked: Picked) => void, private onHover: ChartHost["onHover"]) {}

  assemble(panels: ChartPanel[]): void {
    this.destroy();
    this.views = panels.map((panel) => ({ panel, view: new PanelView(panel, this.onPick, this.onHover) }));
    this.element.hidden = panels.length === 0;
    this.element.replaceChildren(...this.views.map(({ view }) => view.element));
  }

  // Rows asked anew for what is picked stand in for the panel's own.
  async show(state: ChartsState, measure: string, picked: Picked, asked: Record<string, ChartTable["rows"]>, theme: Theme): Promise<void> {
    await Promise.all(this.views.map(({ panel, view }) => {
      const table = state.tables[panel.table];
      const rows = asked[panel.table];
      return view.show(rows ? { ...table, rows } : table, measure, picked, theme);
    }));
  }

  destroy(): void {
    for (const { view } of this.views) view.destroy();
  }
}
