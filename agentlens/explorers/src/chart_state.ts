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
//     }
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

export interface ChartsState {
  title: string;
  controls: Control[];
  views: Record<string, ChartView>;
  tables: Record<string, ChartTable>;
  notes: string[];
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
  return Object.fromEntries(table.pick.map((name) => [name, values[table.columns.findIndex((column) => column.name === name)] ?? null]));
}

// The first row whose `pick` columns equal what is picked, or -1.
export function findPicked(table: ChartTable, picked: Picked): number {
  if (Object.keys(picked).length === 0) return -1;
  const columns = table.pick.map((name) => [name, table.columns.findIndex((column) => column.name === name)] as const);
  if (!columns.every(([name]) => name in picked)) return -1;
  return table.rows.findIndex((row) => columns.every(([name, at]) => (row[at] ?? null) === picked[name]));
}
