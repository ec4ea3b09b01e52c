// What a charts widget is told by Python, and what it picks from it.
//
// Traits:
//   _charts   (Python to page)
//     {
//       title: string,
//       controls: [{key, label, values: [[value, label], …]}],
//       views: {"<value>|<value>|…": {spec, table, note?}}     one a combination of the controls' values, in their order;
//                                                              spec: Vega-Lite whose data is {"name": "rows"};
//                                                              a parameter `picked_row` (-1: none) is told what is picked,
//                                                              and each datum knows its row as `__row`
//       tables: {"<name>": {columns: [{name, label, kind, missing?}], rows: [[…]], pick: [column names]}}
//       notes: [sentence, …]
//       panels?: [{title, table, specs?: {"<value of the control `measure`>" or "*": spec}, has_table?, is_wide?, note?, empty?,
//                  links: [column names]}]                     shown below; rows whose `links` columns contradict what is picked
//                                                              are left out. A table with a column `level` picks its first
//                                                              `level` columns only.
//     }
//   _asked    {table name: rows}: rows of panels, asked anew for what is picked          (Python to page)
//   _choice   {control key: value}                              (both ways)
//   _picked   {column name: value} of the picked row's `pick` columns, {} for none   (both ways)

import type { TableData, Value } from "./table.ts";

export interface Control {
  key: string;
  label: string;
  values: [value: string, label: string][];
}

export interface ChartTable extends TableData {
  pick: string[];
}

export interface ChartView {
  spec: Record<string, unknown>;
  table: string;
  note?: string;
}

export interface ChartPanel {
  title: string;
  table: string;
  specs?: Record<string, Record<string, unknown>>;
  has_table?: boolean;
  is_wide?: boolean;
  note?: string;
  empty?: string;
  links: string[];
}

export interface ChartsState {
  title: string;
  controls: Control[];
  views: Record<string, ChartView>;
  tables: Record<string, ChartTable>;
  notes: string[];
  panels?: ChartPanel[];
}

export type Choice = Record<string, string>;
export type Picked = Record<string, Value>;

// The view for a choice; a value that is missing or unknown falls back to the control's first.
export function chooseView(state: ChartsState, choice: Choice): { key: string; choice: Choice } {
  const settled: Choice = {};
  for (const { key, values } of state.controls) {
    settled[key] = values.some(([value]) => value === choice[key]) ? choice[key] : values[0][0];
  }
  return { key: state.controls.map(({ key }) => settled[key]).join("|"), choice: settled };
}

export function pickRow(table: ChartTable, row: number): Picked {
  const values = table.rows[row];
  return Object.fromEntries(picksOf(table, row).map((name) => [name, values[table.columns.findIndex((column) => column.name === name)] ?? null]));
}

// The columns that a row picks: all of the table's, or as many as its level says.
function picksOf(table: ChartTable, row: number): string[] {
  const level = table.columns.findIndex((column) => column.name === "level");
  return level < 0 ? table.pick : table.pick.slice(0, Number(table.rows[row][level]));
}

// Whether a row of a linked table belongs to what is picked: no column that links the two says otherwise.
export function keepRow(table: ChartTable, row: number, picked: Picked, links: string[]): boolean {
  return links.every((name) => {
    const at = table.columns.findIndex((column) => column.name === name);
    return !(name in picked) || at < 0 || (table.rows[row][at] ?? null) === picked[name] || isAbove(table, row, name);
  });
}

// In a table with levels, a row above the level of a column says nothing of it.
function isAbove(table: ChartTable, row: number, name: string): boolean {
  const level = table.columns.findIndex((column) => column.name === "level");
  return level >= 0 && table.pick.indexOf(name) >= Number(table.rows[row][level]);
}

// The first row whose `pick` columns equal what is picked, or -1.
export function findPicked(table: ChartTable, picked: Picked): number {
  const names = Object.keys(picked);
  if (names.length === 0) return -1;
  const place = Object.fromEntries(table.columns.map((column, at) => [column.name, at]));
  return table.rows.findIndex((row, at) => {
    const picks = picksOf(table, at);
    return picks.length === names.length && picks.every((name) => name in picked && (row[place[name]] ?? null) === picked[name]);
  });
}
