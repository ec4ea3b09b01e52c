// The label column: as many DOM rows as fit, written anew as the list scrolls under them.

import { isFailure } from "./activity.ts";
import { STATUS, FLAG } from "./columns.ts";
import { fillMarked, h, icon, setAttribute, type IconName } from "./dom.ts";
import { formatCount, showInline } from "./format.ts";
import { findMarks } from "./search.ts";
import { ROW, weightText } from "./timeline.ts";
import type { Colouring } from "./palette.ts";
import type { TreeState } from "./tree_state.ts";

interface Slot {
  element: HTMLElement;
  swatch: HTMLElement;
  name: HTMLElement;
  badges: HTMLElement;
  agent: HTMLElement;
  number: HTMLElement;
  written: string;
}

const BADGES: [flag: number, name: IconName, label: string][] = [
  [FLAG.retry, "retry", "a retry: the same failed before"],
  [FLAG.unfinished, "unfinished", "never finished"],
  [FLAG.orphan, "orphan", "its parent is missing from the log"],
  [FLAG.cycle, "cycle", "a parent cycle was broken here"],
  [FLAG.controlFlow, "control", "stopped by control flow, not by a failure"],
];

// What shape stands for which operation, beside its colour.
const SHAPES: Record<string, string> = {
  chat: "diamond", generate_content: "diamond", text_completion: "diamond", execute_tool: "square",
  invoke_agent: "circle", create_agent: "circle", invoke_workflow: "circle", plan: "circle",
};

function makeSlot(): Slot {
  const swatch = h("span", { class: "al-swatch" });
  const name = h("span", { class: "al-name" });
  const badges = h("span", { class: "al-badges" });
  const agent = h("span", { class: "al-agent" });
  const number = h("span", { class: "al-number" });
  const element = h("div", { class: "al-row", role: "treeitem" },
    h("span", { class: "al-twist" }, icon("chevron")), swatch, name, badges, agent, number);
  return { element, swatch, name, badges, agent, number, written: "" };
}

export function findingOf(flags: number): "critical" | "warning" | "info" | null {
  if (!(flags & FLAG.finding)) return null;
  return flags & FLAG.findingCritical ? "critical" : flags & FLAG.findingWarning ? "warning" : "info";
}

// What changed since the agent's span before; "" where nothing did.
export function stampOf({ columns, header }: TreeState, row: number): string {
  return columns.stamp ? showInline(header.dictionaries.stamp?.[columns.stamp[row]] ?? "") : "";
}

// "prompt v13 → v14, agent 2 → 3" -> "prompt v14, agent 3".
export function shortStamp(stamp: string): string {
  return stamp.split(", ").map((change) => change.replace(/^(\S+) .* → (.*)$/, "$1 $2")).join(", ");
}

export class TreeRows {
  private slots: Slot[] = [];

  constructor(private host: HTMLElement, private state: TreeState, private prefix: string) {}

  rowOf(target: EventTarget | null): number {
    const element = target instanceof Element ? target.closest<HTMLElement>(".al-row") : null;
    return element && this.host.contains(element) ? Number(element.dataset["row"]) : -1;
  }

  // The id of the element that shows `row` now, for aria-activedescendant.
  idOf(row: number): string | null {
    const id = `${this.prefix}-${row}`;
    return this.slots.some((slot) => !slot.element.hidden && slot.element.id === id) ? id : null;
  }

  paint(top: number, height: number, colouring: Colouring): void {
    const first = Math.floor(top / ROW);
    const count = Math.min(Math.ceil(height / ROW) + 1, this.state.visible.length - first);
    while (this.slots.length < count) this.addSlot();
    this.host.style.transform = `translateY(${-(top % ROW)}px)`;
    const scale = this.state.weightScale();
    this.slots.forEach((slot, at) => {
      slot.element.hidden = at >= count;
      if (at < count) this.write(slot, this.state.visible[first + at], colouring, scale);
    });
  }

  private addSlot(): void {
    const slot = makeSlot();
    this.slots.push(slot);
    this.host.append(slot.element);
  }

  private write(slot: Slot, row: number, colouring: Colouring, scale: number): void {
    const { state } = this;
    const stamp = `${row}.${state.version}.${row === state.selected}.${row === state.hovered}`;
    if (slot.written === stamp) return;
    slot.written = stamp;
    this.writeText(slot, row, scale);
    this.writeMarks(slot, row, colouring);
    this.writeRoles(slot, row);
  }

  private writeText(slot: Slot, row: number, scale: number): void {
    const { columns, header, query, agents } = this.state;
    const name = showInline(header.dictionaries.name[columns.name[row]]) || "(no name)";
    fillMarked(slot.name, name, query ? findMarks(name, query) : []);
    const above = columns.parent[row];
    const agent = above >= 0 && agents[above] === agents[row] ? "" : showInline(header.dictionaries.agent[agents[row]]);
    fillMarked(slot.agent, agent, query ? findMarks(agent, query) : []);
    const text = weightText(this.state, row);
    slot.number.textContent = text || "–";
    slot.number.classList.toggle("al-none", !text);
    // A tint behind the number is as wide as the row's share of the largest tree.
    const share = scale > 0 ? this.state.weightOf(row) / scale : 0;
    slot.number.style.setProperty("--share", `${Math.min(90, Math.max(0, (share || 0) * 90)).toFixed(1)}%`);
  }

  private writeMarks(slot: Slot, row: number, colouring: Colouring): void {
    const { columns, header, collapsed, failures } = this.state;
    slot.swatch.style.setProperty("--colour", colouring.colours[colouring.codes[row]]);
    slot.swatch.dataset["shape"] = SHAPES[header.dictionaries.operation[columns.operation[row]]] ?? "ring";
    const badges: Node[] = [];
    const step = this.state.chain.indexOf(row);
    if (step >= 0) badges.push(h("span", { class: "al-step-number", title: `step ${step + 1} of ${this.state.chain.length} from cause to harm` }, step + 1));
    if (isFailure(columns, row)) badges.push(icon("error", "failed"));
    if (collapsed[row] && failures[row] > 0) {
      const label = `${formatCount(failures[row])} failed below`;
      badges.push(h("span", { class: "al-below", title: label }, icon("error", label), formatCount(failures[row])));
    }
    const finding = findingOf(columns.flags[row]);
    if (finding) badges.push(icon(finding, `has a finding: ${finding}`));
    for (const [flag, name, label] of BADGES) if (columns.flags[row] & flag) badges.push(icon(name, label));
    const stamp = stampOf(this.state, row);
    if (stamp) badges.push(h("span", { class: "al-tag al-stamp", title: `changed here: ${stamp}` }, shortStamp(stamp)));
    slot.badges.replaceChildren(...badges);
  }

  private writeRoles(slot: Slot, row: number): void {
    const { element } = slot;
    const { shape, collapsed, selected, hovered, columns } = this.state;
    const parent = shape.parent[row];
    const open = shape.children[row] > 0 ? !collapsed[row] : null;
    element.id = `${this.prefix}-${row}`;
    element.dataset["row"] = String(row);
    element.style.setProperty("--level", String(shape.level[row]));
    setAttribute(element, "aria-level", shape.level[row] + 1);
    setAttribute(element, "aria-posinset", shape.position[row]);
    setAttribute(element, "aria-setsize", parent >= 0 ? shape.children[parent] : shape.roots);
    setAttribute(element, "aria-selected", String(row === selected));
    setAttribute(element, "aria-expanded", open === null ? null : String(open));
    setAttribute(element, "aria-label", describeRow(this.state, row));
    const emphasis = this.state.emphasis();
    element.classList.toggle("al-selected", row === selected);
    element.classList.toggle("al-hovered", row === hovered);
    element.classList.toggle("al-chained", this.state.chain.includes(row));
    element.classList.toggle("al-failed", isFailure(columns, row));
    element.classList.toggle("al-dimmed", emphasis !== null && emphasis[row] === 0);
    element.classList.toggle("al-lit", this.state.highlight !== null && this.state.highlight[row] === 1);
  }
}

// One row in words: for screen readers, and for the lanes, where there is no DOM row.
export function describeRow(state: TreeState, row: number): string {
  const { columns, header, agents } = state;
  const { dictionaries } = header;
  const agent = dictionaries.agent[agents[row]];
  const parts = [showInline(dictionaries.name[columns.name[row]]) || "(no name)"];
  if (agent) parts.push(`agent ${showInline(agent)}`);
  parts.push(weightText(state, row) || `no ${state.weight}`);
  if (columns.status[row] === STATUS.error) parts.push(isFailure(columns, row) ? "failed" : "stopped by control flow");
  const finding = findingOf(columns.flags[row]);
  if (finding) parts.push(`has a finding: ${finding}`);
  for (const [flag, , label] of BADGES) if (columns.flags[row] & flag && flag !== FLAG.controlFlow) parts.push(label);
  const stamp = stampOf(state, row);
  if (stamp) parts.push(`changed here: ${stamp}`);
  if (state.chain.includes(row)) parts.push(`step ${state.chain.indexOf(row) + 1} of ${state.chain.length} from cause to harm`);
  return parts.join(", ");
}
