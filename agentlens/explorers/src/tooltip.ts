// The small card beside the pointer.

import { STATUS } from "./columns.ts";
import { h } from "./dom.ts";
import { countOf, formatCost, formatCount, formatDuration, showInline } from "./format.ts";
import type { TreeState } from "./tree_state.ts";

export class Tooltip {
  readonly element = h("div", { class: "al-tooltip", role: "tooltip", hidden: true });

  show(state: TreeState, row: number, x: number, y: number, within: HTMLElement): void {
    this.element.replaceChildren(h("strong", {}, showInline(state.header.dictionaries.name[state.columns.name[row]]) || "(no name)"),
      ...tooltipLines(state, row).map((line) => h("div", {}, line)));
    this.element.hidden = false;
    const box = this.element.getBoundingClientRect();
    const left = x + 14 + box.width > within.clientWidth ? x - box.width - 10 : x + 14;
    const top = y + 16 + box.height > within.clientHeight ? y - box.height - 8 : y + 16;
    this.element.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}

function tooltipLines(state: TreeState, row: number): string[] {
  const { real: columns, header, sums, limits, clock } = state;
  const { dictionaries } = header;
  const words = [dictionaries.operation[columns.operation[row]] || "plumbing", dictionaries.tool[columns.tool[row]], dictionaries.model[columns.model[row]]];
  const agent = dictionaries.agent[state.agents[row]];
  const length = formatDuration(columns.duration[row]) || "unfinished";
  const start = Number.isNaN(columns.start[row]) ? "no start time" : `starts at +${formatDuration(columns.start[row] - clock.tell(limits.from))}`;
  const tokens = sums.tokens[row] ? `${formatCount(sums.tokens[row])} tokens` : "";
  const below = columns.end[row] - row - 1;
  return [
    words.filter(Boolean).map(showInline).join(" · "),
    agent ? `agent ${showInline(agent)}` : "",
    state.axis === "time" ? `${length} · ${start}` : length,
    [tokens, formatCost(sums.cost[row])].filter(Boolean).join(" · ") + (below && tokens ? " with all below" : ""),
    columns.status[row] === STATUS.error ? "status: error" : "",
    below ? `${countOf(below, "span")} below` : "",
  ].filter(Boolean);
}
