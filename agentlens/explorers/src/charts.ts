// A chart and the same rows as a table, with choices above: TokenEconomics and Drift. The wire is written down in chart_state.ts.

import { ChartPanels } from "./chart_panels.ts";
import { completenessBadge } from "./completeness.ts";
import { chooseView, findPicked, pickRow, type ChartsState, type ChartTable, type ChartView, type Picked } from "./chart_state.ts";
import { h, select } from "./dom.ts";
import { showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { SortableTable } from "./table.ts";
import { readTheme, watchTheme, type Theme } from "./theme.ts";
import { attachRows, markPicked, mountChart } from "./vega_view.ts";

class ChartsView {
  private root = h("div", { class: "al-root al-charts", "data-lm-suppress-shortcuts": "true" });
  private place = h("div", { class: "al-chart", role: "group", "aria-label": "Chart" });
  private note = h("p", { class: "al-chart-note", hidden: true });
  private tooltip = h("div", { class: "al-tooltip", role: "tooltip", hidden: true });
  private table = new SortableTable("Rows of the chart", (row) => this.pick(row));
  private panels = new ChartPanels((picked) => this.setPicked(picked), (lines, x, y) => this.hover(lines, x, y));
  private filter = h("span", { class: "al-filter", hidden: true });
  private selects: Record<string, HTMLSelectElement> = {};
  private clear: (() => void) | null = null;
  private theme: Theme | null = null;
  private width = 0;
  private drawing = 0;
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.assemble();
    el.append(this.root);
    const listeners: [string, () => void][] = [["change:_charts", () => this.reload()], ["change:_choice", () => this.show()], ["change:_picked", () => this.markPicked()], ["change:_asked", () => void this.showPanels()]];
    for (const [event, listener] of listeners) {
      model.on(event, listener);
      this.cleanups.push(() => model.off(event, listener));
    }
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.place);
    this.cleanups.push(() => sizes.disconnect(), watchTheme(() => this.retheme()));
    this.show();
  }

  private get state(): ChartsState {
    return this.model.get("_charts");
  }

  private get current(): { view: ChartView | undefined; table: ChartTable | undefined } {
    const view = this.state.views[chooseView(this.state, this.model.get("_choice") ?? {}).key];
    return { view, table: view && this.state.tables[view.table] };
  }

  private assemble(): void {
    const { title, controls, notes } = this.state;
    const fields = controls.map((control) => {
      this.selects[control.key] = select(control.label, control.values, (value) => this.choose(control.key, value));
      return h("span", { class: "al-field" }, h("span", { class: "al-field-label", "aria-hidden": "true" }, control.label), this.selects[control.key]);
    });
    this.root.replaceChildren(
      h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Chart controls" }, h("strong", { class: "al-chart-title" }, showInline(title)), ...fields, this.filter, completenessBadge(this.model)),
      this.place, this.note, this.table.element, this.panels.element,
      h("footer", { class: "al-foot", hidden: notes.length === 0 }, h("ul", { class: "al-notes" }, ...notes.map((text) => h("li", {}, showInline(text))))), this.tooltip);
    this.panels.assemble(this.state.panels ?? []);
  }

  private reload(): void {
    this.assemble();
    this.show();
  }

  private choose(key: string, value: string): void {
    const { choice } = chooseView(this.state, this.model.get("_choice") ?? {});
    this.model.set("_choice", { ...choice, [key]: value });
    this.model.save_changes();
    this.show();
  }

  private show(): void {
    const { choice } = chooseView(this.state, this.model.get("_choice") ?? {});
    for (const [key, element] of Object.entries(this.selects)) element.value = choice[key];
    const { view, table } = this.current;
    this.note.hidden = !view?.note;
    this.note.textContent = view?.note ? showInline(view.note) : "";
    if (table) this.table.show(table, findPicked(table, this.model.get("_picked") ?? {}));
    void this.draw();
    void this.showPanels();
  }

  private showPanels(): Promise<void> | undefined {
    const { choice } = chooseView(this.state, this.model.get("_choice") ?? {});
    const picked: Picked = this.model.get("_picked") ?? {};
    this.showFilter(picked);
    if (!this.root.isConnected || !this.state.panels?.length) return;
    return this.panels.show(this.state, choice["measure"] ?? "*", picked, this.model.get("_asked") ?? {}, readTheme(this.root));
  }

  // What everything is narrowed to, and a button that ends it.
  private showFilter(picked: Picked): void {
    const words = Object.entries(picked).filter(([name]) => this.state.panels?.some((panel) => panel.links.includes(name)));
    this.filter.hidden = words.length === 0;
    const texts = words.map(([name, value]) => `${name.replace(/_name$/, "")}: ${showInline(String(value ?? "none"))}`);
    const clear = h("button", { type: "button", "aria-label": "Show all again" }, "×");
    clear.addEventListener("click", () => this.setPicked({}));
    this.filter.replaceChildren(texts.join(", "), clear);
  }

  private setPicked(picked: Picked): void {
    this.model.set("_picked", picked);
    this.model.save_changes();
    this.markPicked();
  }

  // Draws the chart anew; a later call overtakes an earlier one that is still at work.
  private async draw(): Promise<void> {
    const turn = ++this.drawing;
    const { view, table } = this.current;
    this.width = this.place.clientWidth;
    // Hosts may render before they attach; the size observer calls again once there is a page around.
    if (!this.root.isConnected || this.width === 0) return;
    this.theme = readTheme(this.root);
    this.root.dataset["ready"] = "false";
    if (!view || !table || table.rows.length === 0) return this.showEmpty();
    const place = h("div", {});
    const sized = { ...view.spec, width: Math.max(200, this.width - 24), autosize: { type: "fit-x", contains: "padding" } };
    const spec = attachRows(sized, table);
    try {
      const clear = await mountChart(spec, this.theme, place, { onPick: (row) => this.pick(row), onHover: (lines, x, y) => this.hover(lines, x, y) });
      if (turn !== this.drawing) return clear();
      this.clear?.();
      this.clear = clear;
      this.place.replaceChildren(place);
      this.markPicked();
    } catch (error) {
      this.place.replaceChildren(h("p", { class: "al-error", role: "alert" }, `This chart could not be drawn: ${error instanceof Error ? error.message : error}`));
    }
    this.root.dataset["ready"] = "true";
  }

  private showEmpty(): void {
    this.clear?.();
    this.clear = null;
    this.place.replaceChildren(h("p", { class: "al-nothing" }, "Nothing to show: no row of the lens answers this question."));
    this.root.dataset["ready"] = "true";
  }

  private pick(row: number): void {
    const { table } = this.current;
    if (!table) return;
    const again = findPicked(table, this.model.get("_picked") ?? {}) === row;
    this.setPicked(again ? {} : pickRow(table, row));
  }

  private markPicked(): void {
    const { table } = this.current;
    const row = table ? findPicked(table, this.model.get("_picked") ?? {}) : -1;
    this.table.pick(row);
    if (this.clear) markPicked(this.clear, row);
    void this.showPanels();
  }

  private hover(lines: [string, string][] | null, x: number, y: number): void {
    this.tooltip.hidden = lines === null;
    if (!lines) return;
    this.tooltip.replaceChildren(...lines.map(([name, value]) => h("div", {}, name ? `${name}: ` : "", h("b", {}, value))));
    const root = this.root.getBoundingClientRect();
    const box = this.tooltip.getBoundingClientRect();
    const left = x - root.left + 14 + box.width > root.width ? x - root.left - box.width - 10 : x - root.left + 14;
    this.tooltip.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, y - root.top + 14)}px)`;
  }

  private resize(): void {
    if (Math.abs(this.place.clientWidth - this.width) > 2) {
      void this.draw();
      void this.showPanels();
    }
  }

  private retheme(): void {
    if (JSON.stringify(readTheme(this.root)) !== JSON.stringify(this.theme)) {
      void this.draw();
      void this.showPanels();
    }
  }

  destroy(): void {
    this.drawing++;
    this.clear?.();
    this.panels.destroy();
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new ChartsView(model, el);
  return () => view.destroy();
}

export default { render };
