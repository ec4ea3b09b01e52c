// Compare: two runs, or two groups of runs, step by step; equal steps folded away.
//
// Traits: _view {isPair, sides, totals, rows, notes} (Python to page), _folded (both ways) and picked {kind: "step", key: place}.
// The texts of two steps are asked for as {type: "quote", id, key: place}; the answer's value is JSON: [{what, lines: [[mark, line]]}].

import { Asker } from "./asker.ts";
import { copyCellButton } from "./clipboard.ts";
import { button, h, icon, setAttribute, type IconName } from "./dom.ts";
import { formatCost, formatCount, formatDuration, showControls, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { showQuote, stand, walkByArrows } from "./part_list.ts";
import { Picker } from "./picking.ts";

export type Change = "same" | "changed" | "inserted" | "deleted" | "moved";

export interface Row {
  place: number;
  change: Change;
  depth: number;
  name?: string;
  a_name?: string;
  agent_name?: string;
  kind?: string;
  a_span_id?: string;
  b_span_id?: string;
  a_rate?: number;
  b_rate?: number;
  rate_low?: number;
  rate_high?: number;
  q_value?: number;
  a_duration_ns?: number;
  b_duration_ns?: number;
  duration_delta_ns?: number;
  input_tokens_delta?: number;
  output_tokens_delta?: number;
  cost_usd_delta?: number;
}

interface Total {
  measure: string;
  label: string;
  a: number;
  b: number;
  delta: number;
  low: number | null;
  high: number | null;
}

interface View {
  isPair: boolean;
  sides: { name: string; traces: number; id: string }[];
  totals: Total[];
  rows: Row[];
  notes: string[];
}

// A row to draw, or a fold that stands for rows from `from` to before `to`.
export type Item = { row: Row } | { from: number; to: number };

const CHANGES: Record<Exclude<Change, "same">, [IconName, string]> = {
  changed: ["text", "changed"], inserted: ["plus", "only in B"], deleted: ["minus", "only in A"], moved: ["sort", "moved"],
};
const ROWS_AT_ONCE = 400;

// Equal rows are folded where at least `least` follow one another; what stands above a difference stays, to show where it is.
export function foldEqual(rows: Row[], opened: Set<number>, least = 3): Item[] {
  const kept = new Array<boolean>(rows.length).fill(false);
  const above: number[] = [];
  rows.forEach((row, at) => {
    while (above.length && rows[above[above.length - 1]!]!.depth >= row.depth) above.pop();
    if (row.change !== "same") for (const place of [at, ...above]) kept[place] = true;
    above.push(at);
  });
  const items: Item[] = [];
  for (let at = 0; at < rows.length; ) {
    let end = at;
    while (end < rows.length && !kept[end]) end++;
    if (end - at >= least && !opened.has(at)) items.push({ from: at, to: end });
    else for (let one = at; one < Math.max(end, at + 1); one++) items.push({ row: rows[one]! });
    at = Math.max(end, at + 1);
  }
  return items;
}

export function formatDelta(value: number | undefined, format: (size: number) => string): string {
  if (value === undefined || Math.abs(value) < 1e-12) return "";
  return `${value > 0 ? "+" : "−"}${format(Math.abs(value))}`;
}

// A change of a cost to the thousandth of a cent.
export function formatCostDelta(usd: number | undefined): string {
  if (usd !== undefined && Math.abs(usd) >= 1e-12 && Math.abs(usd) < 5e-6) return "≈ $0";
  return formatDelta(usd, (size) => (size < 0.0001 ? `$${size.toFixed(5)}` : formatCost(size)));
}

const FORMATS: Record<string, (value: number) => string> = {
  duration_s: (value) => formatDuration(value * 1000), cost_usd: formatCost,
};

class CompareView {
  private root = h("div", { class: "al-root al-compare", "data-lm-suppress-shortcuts": "true" });
  private body = h("tbody");
  private details = h("div", { class: "al-compare-details", role: "region", "aria-label": "Texts of the step", hidden: true });
  private opened = new Set<number>();
  private shown = ROWS_AT_ONCE;
  private picker: Picker;
  private asker: Asker;
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    this.asker = new Asker(model);
    el.append(this.root);
    this.assemble();
    walkByArrows(this.root, ".al-cmp-step-pick, .al-cmp-fold", "tr");
    const onFolded = () => this.showRows();
    model.on("change:_folded", onFolded);
    this.cleanups.push(() => this.asker.stop(), () => model.off("change:_folded", onFolded), () => this.picker.stop(), stand(this.root));
  }

  private get view(): View {
    return this.model.get("_view");
  }

  private assemble(): void {
    const { isPair, sides, notes } = this.view;
    const heads = isPair ? ["A", "B", "Δ time", "Δ tokens in", "Δ tokens out", "Δ cost"] : ["step", "share of runs", "Δ share", "Δ time", "Δ tokens in", "Δ tokens out"];
    this.root.replaceChildren(this.makeToolbar(),
      h("div", { class: isPair ? "al-cmp-sides al-pair" : "al-cmp-sides" }, ...sides.map((side, at) => h("div", {}, h("strong", { class: "al-cmp-side" }, "AB"[at]!), showInline(side.name),
        side.traces > 1 || !isPair ? h("span", { class: "al-quiet" }, ` ${formatCount(side.traces)} runs`) : null))),
      this.makeTotals(), notes.length ? h("ul", { class: "al-notes" }, ...notes.map((note) => h("li", {}, note))) : h("span", { hidden: true }),
      h("div", { class: "al-compare-box" },
        h("table", { class: `al-table ${isPair ? "al-pair" : "al-groups"}`, "aria-label": "Steps" },
          h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col", class: head.startsWith("Δ") ? "al-right" : "", title: head.startsWith("Δ") ? "B less A" : "" }, h("span", { class: "al-th" }, head))))), this.body)),
      this.details);
    this.showRows();
  }

  private makeToolbar(): HTMLElement {
    const { rows } = this.view;
    const counts = (Object.keys(CHANGES) as (keyof typeof CHANGES)[]).map((change) => ({ change, count: rows.filter((row) => row.change === change).length }));
    const differing = counts.reduce((sum, { count }) => sum + count, 0);
    const fold = h("input", { type: "checkbox" });
    fold.checked = this.model.get("_folded");
    fold.addEventListener("change", () => {
      this.opened.clear();
      this.model.set("_folded", fold.checked);
      this.model.save_changes();
      this.showRows();
    });
    return h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Compare controls" }, h("strong", { class: "al-chart-title" }, "Compare"),
      ...counts.filter(({ count }) => count > 0).map(({ change, count }) => h("span", { class: `al-cmp-change al-cmp-${change}` }, icon(CHANGES[change][0]), `${formatCount(count)} ${CHANGES[change][1]}`)),
      h("span", { class: "al-quiet" }, `${formatCount(rows.length - differing)} equal`),
      differing ? button("Go to the first difference", "first difference", () => this.goToFirst(), { class: "al-button al-cmp-first" }) : h("span", {}, "no step differs"),
      h("label", { class: "al-check" }, fold, "fold equal steps"), copyCellButton(this.model, this.root));
  }

  private makeTotals(): HTMLElement {
    const { totals, isPair } = this.view;
    return h("div", { class: "al-cmp-totals", role: "group", "aria-label": "Totals" }, ...totals.map((total) => {
      const format = FORMATS[total.measure] ?? ((value: number) => formatCount(value));
      const change = total.a && total.delta ? ` (${total.delta >= 0 ? "+" : "−"}${Math.round(100 * Math.abs(total.delta / total.a))} %)` : "";
      const isClear = total.low !== null && total.high !== null && Math.sign(total.low) === Math.sign(total.high) && total.low !== 0;
      return h("div", { class: "al-cmp-total" }, h("span", { class: "al-quiet" }, `${total.label}${isPair ? "" : ", median"}`),
        h("span", { class: isPair || isClear ? "al-cmp-total-values" : "al-cmp-total-values al-cmp-unclear" }, `${format(total.a)} → ${format(total.b)}`),
        h("span", { class: "al-quiet" }, `${formatDelta(total.delta, format) || "no change"}${change}`),
        total.low === null || total.high === null ? null
          : h("span", { class: "al-quiet" }, isClear ? `95 %: ${formatDelta(total.low, format)} to ${formatDelta(total.high, format)}` : "within chance"));
    }));
  }

  private showRows(): void {
    const { rows } = this.view;
    const items: Item[] = this.model.get("_folded") ? foldEqual(rows, this.opened) : rows.map((row) => ({ row }));
    const drawn = items.slice(0, this.shown).map((item) => ("row" in item ? this.drawRow(item.row) : this.drawFold(item.from, item.to)));
    if (items.length > this.shown) drawn.push(this.drawMore(items.length - this.shown));
    if (rows.length === 0) drawn.push(h("tr", {}, h("td", { colspan: 6 }, h("p", { class: "al-nothing" }, "Neither side has a step."))));
    this.body.replaceChildren(...drawn);
    this.markPicked();
  }

  private drawMore(left: number): HTMLTableRowElement {
    return h("tr", {}, h("td", { colspan: 6 }, button("Show more steps", `${formatCount(left)} more`, () => {
      this.shown += ROWS_AT_ONCE;
      this.showRows();
    }, { class: "al-more" })));
  }

  private drawFold(from: number, to: number): HTMLTableRowElement {
    const open = button(`Show ${to - from} equal steps`, "", () => {
      this.opened.add(from);
      this.showRows();
    }, { class: "al-more al-cmp-fold", style: `margin-left: ${this.view.rows[from]!.depth * 14}px` });
    open.replaceChildren(icon("chevron"), `${formatCount(to - from)} equal steps`);
    return h("tr", { class: "al-cmp-folded" }, h("td", { colspan: 6 }, open));
  }

  private drawRow(row: Row): HTMLTableRowElement {
    const cells = this.view.isPair ? this.pairCells(row) : this.groupCells(row);
    return h("tr", { class: `al-cmp-step al-cmp-${row.change}`, "data-key": row.place }, ...cells, ...this.deltaCells(row));
  }

  private deltaCells(row: Row): HTMLElement[] {
    const texts = [formatDelta(row.duration_delta_ns && row.duration_delta_ns / 1e6, formatDuration), formatDelta(row.input_tokens_delta, formatCount), formatDelta(row.output_tokens_delta, formatCount)];
    if (this.view.isPair) texts.push(formatCostDelta(row.cost_usd_delta));
    return texts.map((text) => h("td", { class: "al-right" }, text));
  }

  private stepButton(row: Row, name: string): HTMLButtonElement {
    const change = row.change === "same" ? null : CHANGES[row.change];
    const element = h("button", { type: "button", class: "al-cmp-step-pick", "data-key": row.place, "aria-pressed": "false", "aria-label": `${change ? `${change[1]}: ` : ""}${showInline(name)}` },
      change ? icon(change[0]) : h("span", { class: "al-cmp-no-icon" }), h("span", { class: "al-cmp-step-name" }, showInline(name)),
      row.agent_name ? h("span", { class: "al-quiet" }, showInline(row.agent_name)) : null);
    element.addEventListener("click", () => this.pick(row));
    return element;
  }

  private pairCells(row: Row): HTMLElement[] {
    const indent = `padding-left: ${8 + row.depth * 14}px`;
    const cell = (has: boolean, name: string) => h("td", { class: "al-cmp-side-cell", style: indent }, has ? this.stepButton(row, name) : h("span", { class: "al-cmp-gap" }));
    return [cell(row.a_span_id !== undefined, row.a_name ?? row.name ?? ""), cell(row.b_span_id !== undefined, row.name ?? "")];
  }

  private groupCells(row: Row): HTMLElement[] {
    const percent = (share: number | undefined) => `${Math.round(100 * (share ?? 0))} %`;
    const bar = (share: number | undefined, side: string) => {
      const inner = h("span", { class: "al-cmp-share-bar" });
      inner.style.width = `${100 * (share ?? 0)}%`;
      return h("span", { class: "al-cmp-share-line" }, h("span", { class: "al-quiet" }, side), h("span", { class: "al-cmp-share-box" }, inner), h("span", {}, percent(share)));
    };
    const difference = (row.b_rate ?? 0) - (row.a_rate ?? 0);
    const points = (share: number) => `${Math.round(100 * share)} pp`;
    const delta = h("td", { class: "al-right" }, formatDelta(difference, points));
    if (row.rate_low !== undefined && row.rate_high !== undefined) {
      setAttribute(delta, "title", `Percentage points, B less A; 95 % interval ${formatDelta(row.rate_low, points) || "0"} to ${formatDelta(row.rate_high, points) || "0"}; q ${(row.q_value ?? 1).toPrecision(2)}`);
    }
    return [h("td", { class: "al-cmp-side-cell", style: `padding-left: ${8 + row.depth * 14}px` }, this.stepButton(row, row.a_name ? `${row.a_name} → ${row.name}` : row.name ?? "")),
      h("td", { class: "al-cmp-shares" }, bar(row.a_rate, "A"), bar(row.b_rate, "B")), delta];
  }

  private pick(row: Row): void {
    this.picker.toggle("step", String(row.place));
    this.markPicked();
  }

  private goToFirst(): void {
    const first = this.view.rows.find((row) => row.change !== "same");
    if (!first) return;
    if (!this.picker.is("step", String(first.place))) this.pick(first);
    this.body.querySelector(`tr[data-key="${first.place}"]`)?.scrollIntoView({ block: "center" });
  }

  private markPicked(): void {
    let picked: string | null = null;
    for (const line of this.body.querySelectorAll<HTMLElement>("tr[data-key]")) {
      const is = this.picker.is("step", line.dataset["key"]!);
      line.classList.toggle("al-selected", is);
      for (const element of line.querySelectorAll(".al-cmp-step-pick")) setAttribute(element, "aria-pressed", String(is));
      if (is) picked = line.dataset["key"]!;
    }
    this.showDetails(picked);
  }

  private showDetails(key: string | null): void {
    if (this.details.dataset["key"] === (key ?? "")) return;
    this.details.dataset["key"] = key ?? "";
    this.details.hidden = key === null;
    if (key === null) return;
    showQuote(this.asker, key, this.details, (value) => drawTexts(JSON.parse(value)), () => this.details.dataset["key"] === key);
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

interface TextDiff {
  what: string;
  lines: [mark: string, line: string][];
}

function drawTexts(texts: TextDiff[]): HTMLElement[] {
  if (texts.length === 0) return [h("p", { class: "al-quiet" }, "The log holds no text of this step.")];
  const marks: Record<string, string> = { "-": "al-cmp-line-gone", "+": "al-cmp-line-new", "@": "al-cmp-line-place" };
  return texts.map(({ what, lines }) => {
    const isSame = lines.every(([mark]) => mark === " ");
    return h("section", {}, h("h4", {}, isSame ? `${what}, the same in both` : what, isSame ? null : h("span", { class: "al-quiet" }, " − only in A, + only in B")),
      h("div", { class: "al-cmp-diff" }, ...lines.map(([mark, line]) => h("div", { class: marks[mark] ?? "" }, h("span", { class: "al-cmp-mark" }, mark === "@" ? "…" : mark), mark === "@" ? "" : showControls(line)))));
  });
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new CompareView(model, el);
  return () => view.destroy();
}

export default { render };
