// A sortable table of plain rows.

import { h, setAttribute } from "./dom.ts";
import { formatCost, formatCount, formatDuration, formatTokens, showInline } from "./format.ts";
import { markTouched } from "./picking.ts";

export type Value = string | number | boolean | null;

export interface Column {
  name: string;
  label: string;
  // How the values read: count (thousands separators), tokens (16.6M), usd, ms (a duration), percent (a share of 1), number, time (ISO UTC),
  // moment (a time to the second), text (a line), prose (sentences, wrapped).
  kind: "text" | "prose" | "count" | "tokens" | "usd" | "ms" | "percent" | "number" | "time" | "moment";
  // What to write where there is no value, e.g. "unpriced"; a dash otherwise.
  missing?: string;
  // Draws the cell in place of its value, which is still what the column is sorted by.
  draw?: (row: number) => Node;
  // The head stands as it is, or as `head`, and cannot be sorted by.
  unsorted?: boolean;
  head?: Node;
}

export interface TableData {
  columns: Column[];
  rows: Value[][];
}

export interface Order {
  column: number;
  descending: boolean;
}

export function isNumeric(column: Column): boolean {
  return !["text", "prose", "time", "moment"].includes(column.kind);
}

export function formatValue(value: Value, column: Column): string {
  if (value === null || value === undefined || Number.isNaN(value)) return column.missing ?? "–";
  if (column.kind === "moment") return showInline(String(value)).replace("T", " ").replace("Z", "");
  if (column.kind === "time") return showInline(String(value)).replace("T", " ").replace(/(:00)?Z$/, "");
  if (typeof value !== "number") return showInline(String(value));
  switch (column.kind) {
    case "count": return formatCount(value);
    case "tokens": return formatTokens(value) || column.missing || "–";
    case "usd": return formatCost(value);
    case "ms": return formatDuration(value);
    case "percent": return `${(value * 100).toFixed(1)} %`;
    default: return value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
  }
}

// Row numbers in order; rows without a value stand last whichever way it goes.
export function sortRows(data: TableData, order: Order | null): number[] {
  const at = data.rows.map((_row, index) => index);
  if (!order) return at;
  const value = (index: number) => data.rows[index][order.column];
  const isMissing = (index: number) => value(index) === null || value(index) === undefined || Number.isNaN(value(index));
  const sign = order.descending ? -1 : 1;
  return at.sort((a, b) => {
    if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b)) || a - b;
    return sign * compare(value(a), value(b)) || a - b;
  });
}

function compare(a: Value, b: Value): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

const FIRST_ROWS = 200;

export class SortableTable {
  readonly element = h("div", { class: "al-table-box" });
  private order: Order | null = null;
  private shown = FIRST_ROWS;
  private data: TableData = { columns: [], rows: [] };
  private picked = -1;
  private touched: ReadonlySet<number> = new Set();

  constructor(private label: string, private onPick: (row: number) => void) {}

  show(data: TableData, picked: number): void {
    if (data !== this.data) {
      this.order = null;
      this.shown = FIRST_ROWS;
    }
    this.data = data;
    this.picked = picked;
    this.draw();
  }

  private draw(): void {
    const { columns } = this.data;
    const rows = sortRows(this.data, this.order);
    const body = h("tbody", {}, ...rows.slice(0, this.shown).map((row) => this.drawRow(row)));
    const table = h("table", { class: "al-table", "aria-label": this.label },
      h("thead", {}, h("tr", {}, ...columns.map((column, at) => this.drawHead(column, at)))), body);
    this.element.replaceChildren(table, ...(rows.length > this.shown ? [this.drawMore(rows.length)] : []));
    this.pick(this.picked, this.touched);
  }

  private drawHead(column: Column, at: number): HTMLElement {
    if (column.unsorted) return h("th", { scope: "col", "data-column": column.name }, column.head ?? h("span", { class: "al-th" }, column.label));
    const active = this.order?.column === at;
    const arrow = !active ? "" : this.order!.descending ? " ↓" : " ↑";
    const control = h("button", { type: "button" }, column.label, h("span", { "aria-hidden": "true" }, arrow));
    control.addEventListener("click", () => this.sortBy(at));
    return h("th", { scope: "col", "data-column": column.name, class: isNumeric(column) ? "al-right" : null, "aria-sort": !active ? null : this.order!.descending ? "descending" : "ascending" }, control);
  }

  private sortBy(at: number): void {
    const numeric = isNumeric(this.data.columns[at]);
    const descending = this.order?.column === at ? !this.order.descending : numeric;
    this.order = { column: at, descending };
    this.draw();
    this.element.querySelectorAll<HTMLElement>("thead th")[at]?.querySelector<HTMLElement>("button")?.focus();
  }

  private drawRow(row: number): HTMLElement {
    const cells = this.data.columns.map((column, at) => {
      const value = this.data.rows[row][at];
      const missing = value === null || value === undefined;
      return h("td", { class: `${isNumeric(column) ? "al-right" : column.kind === "prose" ? "al-prose" : ""}${missing && !column.draw ? " al-none" : ""}`, "data-column": column.name }, column.draw ? column.draw(row) : formatValue(value, column));
    });
    const element = h("tr", { tabindex: 0, "data-row": row }, ...cells);
    element.addEventListener("click", () => this.onPick(row));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.onPick(row);
      else if (event.key === "ArrowDown") (element.nextElementSibling as HTMLElement | null)?.focus();
      else if (event.key === "ArrowUp") (element.previousElementSibling as HTMLElement | null)?.focus();
      else return;
      event.preventDefault();
    });
    return element;
  }

  private drawMore(total: number): HTMLElement {
    const more = h("button", { type: "button", class: "al-more" }, `Show all ${formatCount(total)} rows`);
    more.addEventListener("click", () => {
      this.shown = Infinity;
      this.draw();
    });
    return more;
  }

  // Marks the row that is picked, and those that spans selected elsewhere belong to.
  pick(row: number, touched: ReadonlySet<number> = new Set()): void {
    this.picked = row;
    this.touched = touched;
    for (const element of this.element.querySelectorAll<HTMLElement>("tbody tr")) {
      const at = Number(element.dataset["row"]);
      setAttribute(element, "aria-selected", String(at === row));
      element.classList.toggle("al-selected", at === row);
      markTouched(element, touched.has(at));
    }
  }
}
