// The context inspector: the window of one call, block by block, with origin, size, and what became of each since the call before.

import { h, icon, setAttribute, type Child } from "./dom.ts";
import { countOf, formatCount, formatTokens, showInline } from "./format.ts";
import { changeBlock, partBlocks } from "./conversation_parts.ts";
import {
  ADDED, CHANGES, CHANGE_WORDS, COMPACTED, estimateTokens, foldBlocks, isPresent, REWRITTEN, SAME, tallyChanges,
  type Block, type Composition, type Estimate, type Message, type Piece, type Presence, type Story, type Windows,
} from "./conversation_story.ts";
import type { TextStore } from "./conversation_texts.ts";

export interface InspectorHost {
  store: TextStore;
  onCall(call: number): void;
  onSpan(spanId: string): void;
  onFind(text: string): void;
}

type Filter = "all" | "news" | "gone";

const MOST_VALUES = 14;
const MOST_HITS = 60;

export class Inspector {
  readonly element: HTMLElement;
  private title = h("h3", { class: "al-title" });
  private body = h("div", { class: "al-details-body", tabindex: 0, role: "group", "aria-label": "Blocks of the window" });
  private filter: Filter = "all";
  private call = -1;
  private presence: Presence | null = null;
  private estimate: Estimate = { unlogged: 0, perCharacter: null, isLeast: false };

  constructor(private story: Story, private windows: Windows, private composition: Composition, private host: InspectorHost) {
    this.element = h("section", { class: "al-details al-inspector", "aria-label": "Context inspector" }, h("div", { class: "al-details-head" }, this.title), this.body);
  }

  show(call: number, presence: Presence | null): void {
    const isNew = call !== this.call;
    this.call = call;
    this.presence = presence;
    if (call < 0) return;
    this.estimate = estimateTokens(this.story, call, this.composition.total[call]);
    this.title.textContent = `Window of call ${formatCount(this.story.calls[call].number)}`;
    const blocks = this.windows.blocks(call);
    const children = blocks.length === 0 ? [h("p", { class: "al-quiet" }, "What was sent to the model in this call was not logged.")]
      : [this.factsLine(blocks), this.lossCard(blocks), this.chips(blocks), this.list(blocks)];
    this.body.replaceChildren(...children.filter((child): child is HTMLElement => child !== null));
    if (isNew) this.body.scrollTop = 0;
  }

  private factsLine(blocks: Block[]): HTMLElement {
    const call = this.story.calls[this.call];
    const present = blocks.filter((block) => isPresent(block.change)).length;
    const cached = call.cache_read_input_tokens ? ` (${formatCount(call.cache_read_input_tokens)} from cache)` : "";
    const tokens = call.input_tokens === null ? "input tokens not measured" : `${formatCount(call.input_tokens)} input tokens measured${cached}`;
    const hidden = this.estimate.unlogged > 0 ? `${this.estimate.isLeast ? "at least" : "≈"} ${formatCount(this.estimate.unlogged)} of them are not in the log (tools, hidden instructions)` : "";
    return h("p", { class: "al-window-facts" }, `${tokens} · ${countOf(present, "block")}, ${formatCount(this.composition.total[this.call])} characters`,
      hidden ? h("span", { class: "al-quiet" }, ` · ${hidden}`) : null);
  }

  // What the window lost, at a glance.
  private lossCard(blocks: Block[]): HTMLElement | null {
    const gone = blocks.filter((block) => !isPresent(block.change));
    const rewritten = blocks.filter((block) => block.change === REWRITTEN);
    const lost = this.story.lost?.[String(this.call)];
    if (gone.length === 0 && !(rewritten.length && lost)) return null;
    const summary = blocks.find((block) => isPresent(block.change) && this.story.messages[block.message].origin === "summary" && block.change === ADDED);
    const characters = gone.reduce((sum, block) => sum + this.story.messages[block.message].characters, 0);
    const messages = countOf(gone.length, "message");
    const title = gone.length === 0 ? "A message was rewritten" : summary ? `A summary replaced ${messages}` : `${messages} dropped`;
    const told = gone.length === 0 ? "" : summary
      ? `${formatCount(characters)} characters became ${formatCount(this.story.messages[summary.message].characters)}.`
      : `${formatCount(characters)} characters left the window without a summary.`;
    return h("div", { class: "al-loss", role: "note", "aria-label": title }, h("div", { class: "al-loss-head" }, icon("warning"), h("strong", {}, title), h("span", {}, told)), lost ? this.lostValues(lost) : null);
  }

  private lostValues(lost: { values: [string, number][]; total: number }): HTMLElement {
    const shown = lost.values.slice(0, MOST_VALUES);
    const chips = shown.map(([value, messages]) => {
      const chip = h("button", { type: "button", class: "al-value", "aria-label": `Lost: ${showInline(value)}`, title: `Where is ${showInline(value)}? It stood in ${formatCount(messages)} of the messages.` }, shorten(showInline(value)));
      chip.addEventListener("click", () => this.host.onFind(value));
      return chip;
    });
    const more = lost.total - shown.length;
    return h("div", { class: "al-values" }, h("span", { class: "al-quiet" }, "Stand nowhere in the window any more:"), ...chips,
      more > 0 ? h("span", { class: "al-quiet" }, `and ${formatCount(more)} more values`) : null);
  }

  private chips(blocks: Block[]): HTMLElement {
    const tally = tallyChanges(blocks);
    const news = tally.added + tally.rewritten;
    const chip = (filter: Filter, label: string, count: number): Child => {
      const element = h("button", { type: "button", class: "al-button", "aria-pressed": String(this.filter === filter), disabled: count === 0 && filter !== "all" }, label);
      element.addEventListener("click", () => this.setFilter(filter));
      return element;
    };
    return h("div", { class: "al-segments al-chips", role: "group", "aria-label": "Which blocks" },
      chip("all", `All ${formatCount(blocks.length)}`, blocks.length),
      chip("news", [`${formatCount(tally.added)} added`, tally.rewritten ? `${formatCount(tally.rewritten)} rewritten` : ""].filter(Boolean).join(", "), news),
      chip("gone", `${formatCount(tally.gone)} gone`, tally.gone));
  }

  private setFilter(filter: Filter): void {
    this.filter = filter;
    this.show(this.call, this.presence);
    this.body.querySelector<HTMLElement>(".al-chips [aria-pressed='true']")?.focus();
  }

  private list(blocks: Block[]): HTMLElement {
    const tally = tallyChanges(blocks);
    const filter = (this.filter === "gone" && !tally.gone) || (this.filter === "news" && !tally.added && !tally.rewritten) ? "all" : this.filter;
    const wanted = blocks.filter(({ change }) => filter === "all" || (filter === "gone" ? !isPresent(change) : change === ADDED || change === REWRITTEN));
    const list = h("ol", { class: "al-blocks" });
    for (const listed of foldBlocks(wanted)) {
      if (!listed.fold) list.append(this.blockItem(listed.block));
      else list.append(...this.foldAroundHits(listed.blocks, listed.gone));
    }
    return list;
  }

  // Blocks that hold the searched text stay in sight.
  private foldAroundHits(blocks: Block[], gone: boolean): HTMLElement[] {
    const isHit = (block: Block | undefined) => block !== undefined && (this.presence?.messages.has(block.message) ?? false);
    const items: HTMLElement[] = [];
    for (let from = 0; from < blocks.length; ) {
      let to = from;
      while (to < blocks.length && !isHit(blocks[to])) to++;
      if (to > from) items.push(this.foldItem(blocks.slice(from, to), gone));
      if (isHit(blocks[to]) && items.length < MOST_HITS) items.push(this.blockItem(blocks[to++]));
      else if (to < blocks.length) {
        items.push(this.foldItem(blocks.slice(to), gone));
        break;
      }
      from = to;
    }
    return items;
  }

  private foldItem(blocks: Block[], gone: boolean): HTMLElement {
    const characters = blocks.reduce((sum, block) => sum + this.story.messages[block.message].characters, 0);
    const words = `${formatCount(blocks.length)} ${gone ? "more gone" : "blocks as before"}, ${formatCount(characters)} characters`;
    const more = h("button", { type: "button", class: `al-block-fold${gone ? " al-gone" : ""}` }, icon("chevron"), words);
    const item = h("li", {}, more);
    more.addEventListener("click", () => {
      const items = blocks.map((block) => this.blockItem(block));
      item.replaceWith(...items);
      items[0]?.querySelector<HTMLElement>("button")?.focus();
    });
    return item;
  }

  private blockItem(block: Block): HTMLElement {
    const message = this.story.messages[block.message];
    const isHit = this.presence?.messages.has(block.message) ?? false;
    const label = [message.role ?? "message", this.originOf(message), CHANGE_WORDS[block.change], `${formatCount(message.characters)} characters`];
    const head = h("button", { type: "button", class: "al-block-head", "aria-expanded": "false", "aria-label": label.filter(Boolean).map(showInline).join(", ") }, icon("chevron"),
      h("span", { class: `al-origin al-origin-${message.origin ?? "other"}`, "aria-hidden": "true" }), this.words(message),
      block.change === SAME ? null : h("span", { class: `al-change al-change-${CHANGES[block.change]}` }, CHANGE_WORDS[block.change]),
      this.size(message, block), h("span", { class: "al-opening" }, showInline(message.opening ?? "")));
    const item = h("li", { class: `al-block${isPresent(block.change) ? "" : " al-gone"}${isHit ? " al-hit" : ""}`, "data-change": CHANGES[block.change] }, head);
    head.addEventListener("click", () => this.toggle(item, head, block));
    if (isHit && isPresent(block.change)) this.toggle(item, head, block);
    return item;
  }

  private words(message: Message): HTMLElement {
    return h("span", { class: "al-block-words" }, h("strong", {}, showInline(message.role ?? "message")), this.originOf(message));
  }

  // Whose it is, in a few words: the tool and the call it answers, the call that said it, the file, the agent.
  private originOf(message: Message): string {
    const from = this.callOf(message);
    const call = from >= 0 ? `call ${formatCount(this.story.calls[from].number)}` : "";
    const elsewhere = from < 0 && message.origin_agent && message.origin_agent !== this.story.agent ? message.origin_agent : "";
    switch (message.origin) {
      case "tool": return [message.origin_name ?? "result", elsewhere, call].filter(Boolean).map(showInline).join(", ");
      case "assistant": return showInline(call || elsewhere);
      case "agent": return `brief by ${showInline(message.origin_agent ?? "an agent")}`;
      case "memory": return showInline(lastOf(message.origin_name));
      case "summary": return "summary";
      default: return "";
    }
  }

  private callOf(message: Message): number {
    if (!message.origin_span) return -1;
    const tool = this.story.tools.find((found) => found.span_id === message.origin_span);
    return tool ? tool.call : this.story.calls.findIndex((call) => call.span_id === message.origin_span);
  }

  private size(message: Message, block: Block): HTMLElement {
    const { perCharacter } = this.estimate;
    const total = this.story.calls[this.call].input_tokens;
    const share = isPresent(block.change) && perCharacter !== null && total ? (message.characters * perCharacter) / total : null;
    const tokens = share === null ? "" : `≈ ${formatTokens(Math.max(1, Math.round(message.characters * perCharacter!)))} tok, ${percent(share)}`;
    const element = h("span", { class: "al-block-size", title: share === null ? `${formatCount(message.characters)} characters` : "Estimated from the measured input tokens of the call and the length of the text" },
      `${formatCount(message.characters)} ch`, tokens ? h("span", {}, tokens) : null, share === null ? null : h("span", { class: "al-share", "aria-hidden": "true" }));
    element.style.setProperty("--share", `${((share ?? 0) * 100).toFixed(1)}%`);
    return element;
  }

  private toggle(item: HTMLElement, head: HTMLElement, block: Block): void {
    const open = head.getAttribute("aria-expanded") !== "true";
    setAttribute(head, "aria-expanded", String(open));
    item.querySelector(".al-block-body")?.remove();
    if (open) item.append(this.blockBody(block));
  }

  private blockBody(block: Block): HTMLElement {
    const { store } = this.host;
    const message = this.story.messages[block.message];
    const content = h("div", {}, h("p", { class: "al-quiet" }, "asking…"));
    const before = block.before >= 0 ? this.story.messages[block.before] : null;
    store.when(before ? [message.key, before.key] : [message.key], () => {
      const query = this.presence?.messages.has(block.message) ? this.presence.text : "";
      const parts = partBlocks(store.get(message.key)!, { store, key: message.key, query });
      content.replaceChildren(...(before ? [changeBlock(textOf(store, before.key), textOf(store, message.key))] : []), ...(before ? [] : parts));
    });
    return h("div", { class: "al-block-body" }, this.provenance(message, block), this.pieces(message), content);
  }

  // What of it stood elsewhere before, and who had it first, each with a way there.
  private pieces(message: Message): HTMLElement {
    const box = h("div", { class: "al-pieces", hidden: true });
    const late = setTimeout(() => {
      box.hidden = false;
      box.replaceChildren(h("p", { class: "al-quiet", role: "status" }, "looking where it came from…"));
    }, 400);
    this.host.store.pieces(message.key).then((pieces) => {
      clearTimeout(late);
      box.hidden = pieces.length === 0;
      box.replaceChildren(h("h4", {}, "Stood elsewhere before"), h("ul", {}, ...pieces.map((piece) => this.pieceItem(piece))));
    }, (error: Error) => {
      clearTimeout(late);
      box.hidden = false;
      box.replaceChildren(h("p", { class: "al-quiet", role: "alert" }, showInline(error.message)));
    });
    return box;
  }

  private pieceItem(piece: Piece): HTMLElement {
    const sure = piece.confidence === "certain" ? "" : `, ${piece.confidence}`;
    const isFirst = piece.first_span_id === piece.span_id && piece.first_agent === piece.agent_name && piece.first_name === piece.name;
    return h("li", {}, piece.passage === null ? "the whole text" : h("q", {}, showInline(piece.passage)), h("span", { class: "al-quiet" }, ` ${showInline(piece.kind.replace(/_/g, " "))}${sure} from `),
      this.spanLink(piece.span_id, sayWhere(piece.agent_name, piece.type, piece.name)),
      ...(isFirst ? [] : [h("span", { class: "al-quiet" }, ", first "), this.spanLink(piece.first_span_id, sayWhere(piece.first_agent, piece.first_type, piece.first_name))]));
  }

  private spanLink(spanId: string | null, words: string): HTMLElement {
    if (!spanId) return h("span", {}, words);
    const link = h("button", { type: "button", class: "al-link", title: "Select this step" }, words);
    link.addEventListener("click", () => this.host.onSpan(spanId));
    return link;
  }

  // Where the block came from, with a way there.
  private provenance(message: Message, block: Block): HTMLElement {
    const from = this.callOf(message);
    const words: Child[] = [`${block.position + 1}. of ${isPresent(block.change) ? "this" : "the previous"} prompt`];
    if (from >= 0) words.push(" · ", this.callLink(from, message.origin === "tool" ? "asked for by call" : "written by call"));
    else if (message.origin_span) words.push(" · from ", this.spanLink(message.origin_span, `a step of ${showInline(message.origin_agent ?? "another conversation")}`));
    if (from >= 0 && message.origin === "tool" && message.origin_span) words.push(" · ", this.spanLink(message.origin_span, `answered by ${showInline(message.origin_name ?? "a tool")}`));
    if (message.origin === "memory" && message.origin_name) words.push(` · same text as ${showInline(message.origin_name)}`);
    if (message.first !== null && message.direction !== 2) words.push(" · ", this.callLink(message.first, "first in the window of call"));
    if (block.change === COMPACTED) words.push(" · the summary took its place");
    return h("p", { class: "al-place" }, ...words);
  }

  private callLink(call: number, words: string): HTMLElement {
    const link = h("button", { type: "button", class: "al-link" }, `${words} ${formatCount(this.story.calls[call].number)}`);
    link.addEventListener("click", () => this.host.onCall(call));
    return link;
  }
}

// Who had it, in words: "Atlas, dispatch_brief asked".
function sayWhere(agent: string | null, type: string | null, name: string | null): string {
  const verb = { arguments: "was asked", result: "answered", section: "says", agent_message: "wrote" }[type ?? ""] ?? "said";
  const what = type === "section" ? lastOf(name) : name ?? (type === "agent_message" ? "message" : "model");
  return [agent, `${what} ${verb}`].filter(Boolean).map((word) => showInline(word!)).join(", ");
}

function textOf(store: TextStore, key: string): string {
  return (store.get(key) ?? []).map((part) => part.text).join("\n");
}

// A long path keeps its end, other long values their beginning.
function shorten(value: string): string {
  if (value.length <= 44) return value;
  return value.includes("/") ? `…${value.slice(-42)}` : `${value.slice(0, 42)}…`;
}

function lastOf(path: string | null | undefined): string {
  return (path ?? "").split(/[\\/]/).slice(-2).join("/");
}

function percent(share: number): string {
  return share >= 0.095 ? `${Math.round(share * 100)} %` : share >= 0.0005 ? `${(share * 100).toFixed(1)} %` : "0 %";
}
