// The chain from cause to harm: a strip that tells it in words above the tree, and its drawing over bars and lanes.
//
// Trait `_cause`: {incident, hypotheses: [{rank, detector, tier, hypothesis, strength, speaks_for, speaks_against,
// steps: [{row, agent, label, way}]}]}; `row` is -1 where the tree leaves a step out, `way` how it led to the next.

import { STOP, xOf, type Scene } from "./bars.ts";
import { button, h, icon } from "./dom.ts";
import { showControls, showInline } from "./format.ts";
import { laneY, ROW } from "./timeline.ts";

export interface CauseStep {
  row: number;
  agent: string | null;
  label: string;
  way: string | null;
}

export interface Hypothesis {
  rank: number;
  detector: string;
  tier: string;
  hypothesis: string;
  strength: string;
  speaks_for: string[];
  speaks_against: string[];
  steps: CauseStep[];
}

export interface Cause {
  incident: string;
  hypotheses: Hypothesis[];
}

export interface CauseHost {
  onGo(row: number): void;
  onHypothesis(steps: CauseStep[]): void;
  onClose(): void;
}

export class CauseStrip {
  readonly element = h("section", { class: "al-cause", "aria-label": "Root cause", hidden: true });
  private cause: Cause = { incident: "", hypotheses: [] };
  private at = 0;

  constructor(private host: CauseHost) {}

  // Shows the best hypothesis; nothing where nobody asked.
  show(cause: Partial<Cause> | undefined): void {
    this.element.hidden = !cause?.hypotheses;
    if (!cause?.hypotheses) return;
    this.cause = cause as Cause;
    this.turnTo(0);
  }

  private turnTo(at: number): void {
    const { hypotheses, incident } = this.cause;
    this.at = at;
    const told = hypotheses[at];
    const close = button("Take the chain away", icon("close"), () => this.host.onClose());
    if (!told) {
      this.element.replaceChildren(h("div", { class: "al-cause-head" }, h("strong", {}, "Root cause"),
        h("span", { class: "al-cause-text" }, `Nothing in the log speaks for a cause of ${showInline(incident)}.`), close));
      return;
    }
    this.element.replaceChildren(this.head(told, close), this.steps(told), this.grounds(told));
    this.host.onHypothesis(told.steps);
  }

  private head(told: Hypothesis, close: HTMLElement): HTMLElement {
    const count = this.cause.hypotheses.length;
    const turn = (by: number) => this.turnTo((this.at + by + count) % count);
    const turns = count < 2 ? [] : [button("Previous hypothesis", icon("up"), () => turn(-1)), h("span", { class: "al-cause-count" }, `${this.at + 1} of ${count}`), button("Next hypothesis", icon("down"), () => turn(1))];
    return h("div", { class: "al-cause-head" }, h("strong", {}, "Root cause"), ...turns, h("span", { class: "al-cause-text" }, showInline(told.hypothesis)),
      h("span", { class: "al-tag", title: "The weakest link of the chain" }, showInline(told.strength)), h("span", { class: "al-tag", title: "How sure the defect itself is" }, showInline(told.tier)), close);
  }

  private steps(told: Hypothesis): HTMLElement {
    const list = h("ol", { class: "al-cause-steps" });
    told.steps.forEach((step, at) => {
      const words = `${at + 1} ${step.agent ? `${showInline(step.agent)} · ` : ""}${showInline(step.label)}`;
      const chip = h("button", { type: "button", class: "al-cause-step", disabled: step.row < 0, title: step.row < 0 ? "This step is not part of this tree" : words },
        h("span", { class: "al-step-number" }, at + 1), h("b", {}, showInline(step.agent ?? "")), h("span", { class: "al-cause-label" }, showInline(step.label)));
      chip.addEventListener("click", () => this.host.onGo(step.row));
      list.append(h("li", {}, chip, step.way ? h("span", { class: "al-cause-way" }, showInline(step.way)) : null));
    });
    return list;
  }

  private grounds(told: Hypothesis): HTMLElement {
    const say = (label: string, sentences: string[]) => (sentences.length ? h("span", {}, h("b", {}, label), " ", showControls(sentences.join(" "))) : null);
    return h("div", { class: "al-cause-grounds" }, say("For:", told.speaks_for), say("Against:", told.speaks_against));
  }
}

// The place of a step on screen, which is that of the nearest row in sight above it; null where it has none.
function placeOf(scene: Scene, row: number, top: number): [x: number, y: number] | null {
  const { state } = scene;
  let shown = row;
  if (state.mode === "tree") while (shown >= 0 && state.placeOf[shown] < 0) shown = state.columns.parent[shown];
  if (shown < 0) return null;
  const y = state.mode === "tree" ? state.placeOf[shown] * ROW + ROW / 2 - top : laneY(state.lanes(), shown) - top;
  const start = xOf(scene, state.columns.start[row]);
  return Number.isNaN(start) ? null : [Math.max(STOP + 2, Math.min(start, scene.width - STOP - 2)), y];
}

// Numbered stops joined in order, with a rim that keeps them readable on bars of any colour.
export function drawChain(scene: Scene, top: number): void {
  const { state, context, theme } = scene;
  const stops = state.chain.map((row, at) => ({ at, place: row < 0 ? null : placeOf(scene, row, top) })).filter((stop): stop is { at: number; place: [number, number] } => stop.place !== null);
  if (!state.timed || stops.length === 0) return;
  for (const [width, colour] of [[5, theme.background], [2, theme.chain]] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    stops.forEach(({ place: [x, y] }, nth) => (nth ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
  context.textAlign = "center";
  for (const { at, place: [x, y] } of stops) drawStop(scene, x, y, String(at + 1));
  context.textAlign = "start";
}

function drawStop({ context, theme }: Scene, x: number, y: number, number: string): void {
  context.beginPath();
  context.arc(x, y, STOP, 0, 2 * Math.PI);
  context.fillStyle = theme.chain;
  context.strokeStyle = theme.background;
  context.lineWidth = 2;
  context.stroke();
  context.fill();
  context.fillStyle = theme.onBar;
  context.fillText(number, x, y + 0.5);
}
