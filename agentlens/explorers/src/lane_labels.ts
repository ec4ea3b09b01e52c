// The label column in lanes mode: one block an agent, its name kept in sight while its lanes scroll by.

import { h } from "./dom.ts";
import { countOf, showInline } from "./format.ts";
import { agentHeight } from "./timeline.ts";
import type { TreeState } from "./tree_state.ts";

export class LaneLabels {
  private shown = "";

  constructor(private host: HTMLElement, private state: TreeState) {}

  paint(top: number, height: number): void {
    const blocks: HTMLElement[] = [];
    let y = -top;
    const stamp = `${top}.${height}.${this.state.version}`;
    if (stamp === this.shown) return;
    this.shown = stamp;
    this.state.lanes().agents.forEach((agent, at) => {
      const tall = agentHeight(agent);
      if (y < height && y + tall > 0) {
        const block = this.makeBlock(agent.agent, agent.spans, agent.lanes.length);
        block.classList.toggle("al-odd", at % 2 === 1);
        const cut = Math.max(0, -y);
        block.style.transform = `translateY(${y + cut}px)`;
        block.style.height = `${tall - cut}px`;
        blocks.push(block);
      }
      y += tall;
    });
    this.host.replaceChildren(...blocks);
  }

  private makeBlock(code: number, spans: number, lanes: number): HTMLElement {
    const name = code === 0 ? "no agent recorded" : showInline(this.state.header.dictionaries.agent[code]);
    const counts = `${countOf(spans, "span")} · ${countOf(lanes, "lane")}`;
    return h("div", { class: `al-lane${code === 0 ? " al-lane-none" : ""}`, title: `${name}: ${counts}` },
      h("span", { class: "al-name" }, name), h("span", { class: "al-lane-count" }, counts));
  }
}
