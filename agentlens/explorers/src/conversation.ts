// Conversation: one agent's story as a transcript, the window of every call, and where a text was lost.
// The wire is written down in conversation_story.ts.

import { copyCellButton } from "./clipboard.ts";
import { completenessBadge } from "./completeness.ts";
import { button, h, icon, select } from "./dom.ts";
import { countOf, formatClock, formatCount, formatDate, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { listenDivider } from "./gestures.ts";
import { readTheme, watchTheme, type Theme } from "./theme.ts";
import { Inspector } from "./conversation_inspector.ts";
import {
  estimateTokens, findPresence, measureWindows, ORIGINS, tellPresence, tellStory, Windows, type Composition, type Presence, type Story,
} from "./conversation_story.ts";
import { ORIGIN_WORDS, originColour, WindowStrip, type StripData } from "./conversation_strip.ts";
import { TextStore } from "./conversation_texts.ts";
import { TranscriptView } from "./conversation_transcript.ts";

interface PickRow {
  agent_name: string | null;
  conversation_id: string;
  calls: number;
  trace_ids: string[];
}

const NARROW = 900;
const SEARCH_PAUSE_MS = 200;

const KEYS: [string, string][] = [
  ["← →", "previous, next call"], ["Home End", "first, last call"], ["[ ]", "previous, next call whose window lost something"],
  ["e E", "next, previous failed call"], ["/", "where is this text"], ["Esc", "forget the text"], ["?", "this help"],
];

class ConversationView {
  private root = h("div", { class: "al-root al-conversation", "data-lm-suppress-shortcuts": "true" });
  private story: Story;
  private windows: Windows;
  private composition: Composition;
  private strip = new WindowStrip();
  private store: TextStore;
  private transcript: TranscriptView;
  private inspector: Inspector;
  private search = h("input", { type: "search", "aria-label": "Where is this text", placeholder: "Where is this text?", spellcheck: "false", autocomplete: "off" });
  private answer = h("p", { class: "al-presence", role: "status", "aria-label": "Where the text is", hidden: true });
  private place = h("span", { class: "al-count al-place-count" });
  private tooltip = h("div", { class: "al-tooltip", role: "tooltip", hidden: true });
  private trouble = h("p", { class: "al-error al-trouble", role: "alert", hidden: true });
  private legend = h("ul", { class: "al-legend", "aria-label": "Where blocks came from" });
  private help = this.makeHelp();
  // Where there is no room for both: which of the two is shown.
  private panes = this.makePanes();
  private presence: Presence | null = null;
  private theme: Theme | null = null;
  private call = -1;
  private hovered = -1;
  private frame = 0;
  private asked = 0;
  private saveTimer: ReturnType<typeof setTimeout> | undefined;
  private searchTimer: ReturnType<typeof setTimeout> | undefined;
  private abort = new AbortController();
  private cleanups: (() => void)[] = [];

  constructor(private model: Model, el: HTMLElement) {
    const began = performance.now();
    this.story = model.get("_story");
    this.windows = new Windows(model.get("_windows"), this.story.windows, this.story.calls.length);
    this.composition = measureWindows(this.story, this.windows);
    this.strip.measure(this.story, this.composition);
    this.store = new TextStore(model, (message) => this.complain(message));
    const onCall = (call: number) => this.select(call, true);
    this.transcript = new TranscriptView({ story: this.story, told: tellStory(this.story), store: this.store, onCall });
    this.inspector = new Inspector(this.story, this.windows, this.composition, { store: this.store, onCall, onSpan: (spanId) => this.selectSpan(spanId), onFind: (text) => this.lookFor(text) });
    this.assemble(el);
    this.showPane("inspector");
    this.listen();
    this.select(Math.min(model.get("_call") ?? -1, this.story.calls.length - 1), false);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      this.root.dataset["firstPaint"] = (performance.now() - began).toFixed(1);
      this.root.dataset["ready"] = "true";
    }));
  }

  private assemble(el: HTMLElement): void {
    const divider = h("div", { class: "al-divider al-divider-inspector", role: "separator", tabindex: 0, "aria-label": "Size of the inspector" });
    listenDivider(divider, () => true, (delta) => this.resizeInspector(delta), this.abort.signal);
    this.root.append(this.toolbar(), this.strip.element, this.answer, this.trouble, this.panes,
      h("div", { class: "al-body" }, this.transcript.element, divider, this.inspector.element), this.foot(), this.tooltip, this.help);
    el.append(this.root);
  }

  private toolbar(): HTMLElement {
    const steps = h("span", { class: "al-segments", role: "group", "aria-label": "Step through the calls" },
      button("Previous call (←)", icon("chevron"), () => this.step(-1), { class: "al-button al-back" }), this.place,
      button("Next call (→)", icon("chevron"), () => this.step(1)));
    this.search.addEventListener("input", () => this.delaySearch());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.lookFor(this.search.value);
      else if (event.key === "Escape") this.leaveSearch();
      else return;
      event.preventDefault();
    });
    return h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Conversation controls" }, ...this.pickers(), steps,
      h("span", { class: "al-search" }, icon("search"), this.search), completenessBadge(this.model), copyCellButton(this.model, this.root), button("Keyboard help (?)", icon("help"), () => this.toggleHelp()));
  }

  private pickers(): HTMLElement[] {
    const picks: PickRow[] = this.model.get("_picks") ?? [];
    const current = this.model.get("_pick") ?? {};
    if (picks.length === 0) {
      return [h("span", { class: "al-whose" }, h("strong", {}, showInline(this.story.agent ?? "no agent")), ` in ${showInline(this.story.conversation)}`)];
    }
    const agents = [...new Set(picks.map((pick) => pick.agent_name))];
    const mine = picks.filter((pick) => pick.agent_name === current.agent);
    const here = mine.find((pick) => pick.conversation_id === current.conversation);
    const traces = here?.trace_ids ?? [];
    const name = (text: string | null, none: string) => showInline(text ?? none).slice(0, 60);
    const agent = select("Agent", agents.map((found, at) => [String(at), name(found, "no agent")]), (at) => {
      const first = picks.find((pick) => pick.agent_name === agents[Number(at)] && pick.conversation_id === current.conversation) ?? picks.find((pick) => pick.agent_name === agents[Number(at)])!;
      this.pick(first.agent_name, first.conversation_id, null);
    });
    agent.value = String(agents.indexOf(current.agent ?? null));
    const conversation = select("Conversation", mine.map((pick, at) => [String(at), `${name(pick.conversation_id, "")} (${countOf(pick.calls, "call")})`]),
      (at) => this.pick(current.agent, mine[Number(at)].conversation_id, null));
    conversation.value = String(here ? mine.indexOf(here) : -1);
    const trace = select("Trace", [["-1", `All ${formatCount(traces.length)} traces`], ...traces.map((id, at): [string, string] => [String(at), name(id, "")])],
      (at) => this.pick(current.agent, current.conversation, traces[Number(at)] ?? null));
    trace.value = String(traces.indexOf(current.trace ?? ""));
    const field = (label: string, control: HTMLElement) => h("span", { class: "al-field" }, h("span", { class: "al-field-label", "aria-hidden": "true" }, label), control);
    return [field("Agent", agent), field("Conversation", conversation), ...(traces.length > 1 ? [field("Trace", trace)] : [])];
  }

  private pick(agent: string | null, conversation: string, trace: string | null): void {
    this.root.setAttribute("aria-busy", "true");
    this.model.set("_pick", { agent, conversation, trace });
    this.model.save_changes();
  }

  private foot(): HTMLElement {
    const { calls, notes } = this.story;
    const times = calls.map((call) => call.start_ms).filter((time): time is number => time !== null);
    const period = times.length ? `${formatDate(times[0])} ${formatClock(times[0], 1000)} – ${formatClock(times[times.length - 1], 1000)} UTC` : "no times";
    const words = [countOf(calls.length, "call"), period, `bars: ${this.strip.unit}`, this.tellCuts()];
    const list = h("ul", { class: "al-notes", "aria-label": "Notes", hidden: !notes?.length }, ...(notes ?? []).map((note) => h("li", {}, showInline(note))));
    return h("footer", { class: "al-foot" }, list, h("div", { class: "al-foot-line" }, this.legend, h("span", { class: "al-status" }, words.join(" · "))));
  }

  // How often the window was cut; what was not logged says nothing of it.
  private tellCuts(): string {
    const { calls, cuts } = this.story;
    if (cuts?.length) return `the window was cut ${cuts.length === 1 ? "once" : `${formatCount(cuts.length)} times`}`;
    return calls.some((_call, at) => this.windows.isLogged(at)) ? "nothing was cut" : "what was sent was not logged";
  }

  private makeHelp(): HTMLElement {
    const list = h("dl", {});
    for (const [keys, what] of KEYS) list.append(h("dt", {}, keys), h("dd", {}, what));
    return h("div", { class: "al-help", role: "dialog", "aria-label": "Keyboard help", hidden: true, tabindex: -1 },
      h("div", { class: "al-details-head" }, h("h3", { class: "al-title" }, "Keyboard"), button("Close help", icon("close"), () => this.toggleHelp())), list);
  }

  private makePanes(): HTMLElement {
    const names: [string, string][] = [["inspector", "Window"], ["transcript", "Transcript"]];
    const buttons = names.map(([pane, text]) => button(text, text, () => this.showPane(pane), { "data-pane": pane }));
    return h("div", { class: "al-panes" }, h("span", { class: "al-segments", role: "group", "aria-label": "Shown below" }, ...buttons));
  }

  private showPane(pane: string): void {
    this.root.dataset["pane"] = pane;
    for (const one of this.panes.querySelectorAll<HTMLElement>("[data-pane]")) one.setAttribute("aria-pressed", String(one.dataset["pane"] === pane));
    if (pane === "transcript") this.transcript.select(this.call);
  }

  private toggleHelp(): void {
    this.help.hidden = !this.help.hidden;
    (this.help.hidden ? this.strip.element : this.help).focus();
  }

  private listen(): void {
    const { signal } = this.abort;
    const { element } = this.strip;
    element.addEventListener("click", (event) => {
      const call = this.callUnder(event);
      if (call >= 0) this.select(call, true);
    }, { signal });
    element.addEventListener("pointermove", (event) => this.hover(event), { signal });
    element.addEventListener("pointerleave", () => this.leave(), { signal });
    this.root.addEventListener("keydown", (event) => this.keydown(event), { signal });
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.root);
    const onCall = () => this.select(this.model.get("_call") ?? -1, false);
    this.model.on("change:_call", onCall);
    this.cleanups.push(() => sizes.disconnect(), watchTheme(() => this.refreshTheme()), () => this.model.off("change:_call", onCall), () => this.store.stop(), () => this.transcript.stop());
  }

  private callUnder(event: MouseEvent): number {
    return this.strip.callAt(event.clientX - this.strip.element.getBoundingClientRect().left, this.story.calls.length);
  }

  private hover(event: PointerEvent): void {
    this.hovered = this.callUnder(event);
    this.schedule();
    if (this.hovered < 0) return this.leave();
    const [title, ...rest] = this.describe(this.hovered);
    this.tooltip.replaceChildren(h("strong", {}, title), ...rest.map((text) => h("div", {}, text)));
    this.tooltip.hidden = false;
    const root = this.root.getBoundingClientRect();
    const x = event.clientX - root.left;
    const left = x + 14 + this.tooltip.offsetWidth > root.width ? x - this.tooltip.offsetWidth - 10 : x + 14;
    this.tooltip.style.transform = `translate(${Math.max(0, left)}px, ${event.clientY - root.top + 16}px)`;
  }

  private leave(): void {
    this.hovered = -1;
    this.tooltip.hidden = true;
    this.schedule();
  }

  private describe(at: number): string[] {
    const call = this.story.calls[at];
    const cut = this.story.cuts?.find((found) => found.call === at);
    const messages = cut && countOf(cut.messages, "message");
    return [
      `Call ${formatCount(call.number)} of ${formatCount(this.story.calls.length)}`,
      call.input_tokens === null ? "input tokens not measured" : `${formatCount(call.input_tokens)} input tokens${call.cache_read_input_tokens ? `, ${formatCount(call.cache_read_input_tokens)} from cache` : ""}`,
      this.windows.isLogged(at) ? `${formatCount(this.composition.total[at])} characters in the window` : "messages not logged",
      cut ? (cut.summary !== null ? `a summary replaced ${messages}` : `${messages} dropped`) : "",
      call.is_error ? `failed: ${showInline(call.error ?? "")}` : "",
    ].filter(Boolean);
  }

  private select(call: number, tell: boolean): void {
    if (call < 0 || call >= this.story.calls.length || (call === this.call && !tell)) return;
    this.call = call;
    this.place.textContent = `Call ${formatCount(this.story.calls[call].number)} of ${formatCount(this.story.calls.length)}`;
    const { element } = this.strip;
    for (const [name, value] of [["valuemin", 1], ["valuemax", this.story.calls.length], ["valuenow", call + 1]]) element.setAttribute(`aria-${name}`, String(value));
    element.setAttribute("aria-valuetext", this.describe(call).join(", "));
    this.inspector.show(call, this.presence);
    this.transcript.select(call);
    this.schedule();
    if (!tell) return;
    clearTimeout(this.saveTimer);
    this.saveTimer = setTimeout(() => this.tellCall(), 60);
  }

  // A step that something came from; the story it belongs to opens.
  private selectSpan(spanId: string): void {
    this.model.set("selection", [spanId]);
    this.model.save_changes();
  }

  // Set and saved at once, when the keys rest: an echo of an earlier call would take a value that is only set with it.
  private tellCall(): void {
    this.model.set("_call", this.call);
    this.model.save_changes();
  }

  private step(by: 1 | -1): void {
    this.select(Math.max(0, Math.min(this.story.calls.length - 1, this.call + by)), true);
  }

  private stepTo(direction: 1 | -1, wanted: (call: number) => boolean): void {
    for (let call = this.call + direction; call >= 0 && call < this.story.calls.length; call += direction) if (wanted(call)) return this.select(call, true);
  }

  // No key reaches the notebook's own shortcuts.
  private keydown(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target as HTMLElement;
    if (target.matches("input, select, textarea, .al-divider")) return;
    const cuts = new Set(this.story.cuts?.map((cut) => cut.call));
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), Home: () => this.select(0, true), End: () => this.select(this.story.calls.length - 1, true),
      "[": () => this.stepTo(-1, (call) => cuts.has(call)), "]": () => this.stepTo(1, (call) => cuts.has(call)),
      e: () => this.stepTo(1, (call) => this.story.calls[call].is_error), E: () => this.stepTo(-1, (call) => this.story.calls[call].is_error),
      "/": () => (this.search.focus(), this.search.select()), "?": () => this.toggleHelp(),
      Escape: () => (this.help.hidden ? this.lookFor("") : this.toggleHelp()),
    };
    if (!keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
  }

  private delaySearch(): void {
    clearTimeout(this.searchTimer);
    this.searchTimer = setTimeout(() => this.lookFor(this.search.value), SEARCH_PAUSE_MS);
  }

  private leaveSearch(): void {
    if (this.search.value) this.lookFor("");
    else this.strip.element.focus();
  }

  // Shows in which windows a text stood; an empty text puts the light out.
  private lookFor(text: string): void {
    clearTimeout(this.searchTimer);
    if (this.search.value !== text) this.search.value = text;
    const number = ++this.asked;
    if (text.trim().length < 2) return this.showPresence(null);
    this.store.find(text).then((keys) => number === this.asked && this.showPresence(findPresence(this.story, this.windows, text, keys)), (error: Error) => this.complain(error.message));
  }

  private showPresence(presence: Presence | null): void {
    this.presence = presence;
    this.answer.hidden = presence === null;
    this.answer.textContent = presence ? tellPresence(this.story, presence) : "";
    this.answer.classList.toggle("al-lost", presence !== null && presence.lostAt >= 0);
    this.inspector.show(this.call, presence);
    this.schedule();
  }

  private complain(message: string): void {
    this.trouble.hidden = false;
    this.trouble.textContent = showInline(message);
  }

  private resizeInspector(delta: number): void {
    const size = this.inspector.element.getBoundingClientRect().width - delta;
    this.root.style.setProperty("--al-inspector-width", `${Math.max(240, Math.min(size, this.root.clientWidth * 0.75))}px`);
  }

  private resize(): void {
    if (!this.root.isConnected) return;
    this.root.classList.toggle("al-narrow", this.root.clientWidth < NARROW);
    if (!this.theme) this.refreshTheme();
    this.schedule();
  }

  private refreshTheme(): void {
    if (!this.root.isConnected) return;
    const theme = (this.theme = readTheme(this.root));
    for (const origin of ORIGINS) this.root.style.setProperty(`--origin-${origin}`, originColour(origin, theme));
    const seen = ORIGINS.filter((_origin, at) => this.story.calls.some((_call, call) => this.composition.characters[call * ORIGINS.length + at] > 0));
    const item = (kind: string, words: string) => h("li", {}, h("span", { class: `al-key al-origin-${kind}` }), words);
    const extra = [
      this.story.calls.some((call, at) => (this.composition.total[at] > 0 ? estimateTokens(this.story, at, this.composition.total[at]).unlogged > 0 : call.input_tokens)) ? item("unlogged", "not in the log (≈)") : null, this.story.calls.some((call) => call.cache_read_input_tokens) ? item("cached", "from cache") : null,
      this.story.cuts?.length ? item("lost", "lost since the call before") : null,
    ].filter((child): child is HTMLLIElement => child !== null);
    this.legend.replaceChildren(...seen.map((origin) => item(origin, ORIGIN_WORDS[origin])), ...extra);
    this.schedule();
  }

  private schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    if (!this.theme || !this.root.isConnected) return;
    const data: StripData = { story: this.story, composition: this.composition, presence: this.presence, selected: this.call, hovered: this.hovered };
    this.strip.draw(data, this.theme);
  }

  destroy(): void {
    this.abort.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saveTimer);
    clearTimeout(this.searchTimer);
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

function showNothing(el: HTMLElement): () => void {
  const root = h("div", { class: "al-root al-conversation" }, h("p", { class: "al-nothing" }, "No conversation to show: the lens holds no model calls."));
  el.append(root);
  return () => root.remove();
}

function render({ model, el }: RenderProps): Cleanup {
  const open = (): (() => void) => {
    if (!model.get("_story")?.calls?.length) return showNothing(el);
    const view = new ConversationView(model, el);
    return () => view.destroy();
  };
  let close = open();
  const reload = () => {
    close();
    close = open();
  };
  // The windows of two stories may be the same, byte for byte; everything else of a story is set with it.
  model.on("change:_story", reload);
  return () => {
    model.off("change:_story", reload);
    close();
  };
}

export default { render };
