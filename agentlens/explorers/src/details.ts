// The details panel: what one span was, what it heard and said, and the record that proves it.

import { button, h, icon, type Child } from "./dom.ts";
import { formatCount, indentJson, showControls, showInline } from "./format.ts";
import type { FindingNote, MessageBlock, MessagePart, SourcePlace, SpanDetail, Why } from "./requests.ts";
import { asSeverity } from "./severity.ts";

const LONG_TEXT = 1200;
const LONG_LINES = 18;
// More than this many input messages: the earlier ones are folded.
const RECENT = 4;

function section(title: string, open: boolean, ...children: Child[]): HTMLElement {
  return h("details", { class: "al-section", open }, h("summary", {}, title), h("div", { class: "al-section-body" }, ...children));
}

// Text as it was logged, hidden characters shown, long text folded.
export function textBlock(raw: string, isCode = false): HTMLElement {
  const json = indentJson(raw);
  const text = showControls(json ?? raw);
  const block = h("pre", { class: json !== null || isCode ? "al-text al-code" : "al-text", dir: json !== null || isCode ? "ltr" : "auto" });
  const head = shorten(text);
  block.textContent = head;
  if (head.length === text.length) return block;
  const more = h("button", { type: "button", class: "al-more" }, `Show all ${formatCount(text.length)} characters`);
  more.addEventListener("click", () => {
    block.textContent = text;
    more.remove();
  });
  return h("div", {}, block, more);
}

function shorten(text: string): string {
  const lines = text.split("\n", LONG_LINES + 1);
  const head = lines.length > LONG_LINES ? lines.slice(0, LONG_LINES).join("\n") : text;
  if (head.length <= LONG_TEXT) return head;
  return Array.from(head.slice(0, LONG_TEXT + 1)).slice(0, -1).join("");
}

function factList(facts: [string, string][]): HTMLElement {
  const list = h("dl", { class: "al-facts" });
  for (const [label, value] of facts) list.append(h("dt", {}, showInline(label)), h("dd", {}, showControls(value)));
  return list;
}

function findingBlock(finding: FindingNote): HTMLElement {
  return h("div", { class: `al-finding al-finding-${finding.severity.replace(/\W/g, "")}` },
    h("div", { class: "al-finding-head" }, icon(asSeverity(finding.severity)), h("strong", {}, showInline(finding.detector)),
      h("span", { class: "al-tag" }, showInline(finding.severity)), h("span", { class: "al-tag" }, showInline(finding.tier))),
    h("div", {}, showControls(finding.summary)));
}

function partBlock(part: MessagePart): HTMLElement {
  const plain = part.type === "text" && !part.name;
  const label = [part.type, part.name, part.id].filter(Boolean).map((text) => showInline(String(text)));
  const body = textBlock(part.text ?? "", /tool|call|response/.test(part.type));
  if (plain) return h("div", { class: "al-part" }, body);
  return h("div", { class: `al-part al-part-${part.type.replace(/\W/g, "")}` },
    h("div", { class: "al-part-head" }, h("span", { class: "al-tag" }, label[0]), h("span", { class: "al-part-name" }, label.slice(1).join(" · "))), body);
}

function messageBlock(message: MessageBlock): HTMLElement {
  const role = showInline(message.role || message.direction);
  return h("article", { class: "al-message", "data-role": message.role, "aria-label": `${message.direction} ${message.position}: ${role}` },
    h("header", {}, h("span", { class: "al-role" }, role), h("span", { class: "al-place" }, `${message.direction} ${message.position}`),
      message.note ? h("span", { class: "al-note" }, showControls(message.note)) : null),
    ...message.parts.map(partBlock));
}

function messageSections(messages: MessageBlock[]): Child[] {
  const of = (direction: string) => messages.filter((message) => message.direction === direction);
  const [system, input, output] = [of("system"), of("input"), of("output")];
  const early = input.slice(0, Math.max(0, input.length - RECENT));
  return [
    output.length ? section(`Output (${output.length})`, true, ...output.map(messageBlock)) : null,
    input.length ? section(`Input (${formatCount(input.length)})`, true,
      early.length ? foldEarlier(early) : null, ...input.slice(early.length).map(messageBlock)) : null,
    system.length ? section(`System (${system.length})`, false, ...system.map(messageBlock)) : null,
  ];
}

// Earlier messages are only built when asked for: there can be thousands.
function foldEarlier(messages: MessageBlock[]): HTMLElement {
  const more = h("button", { type: "button", class: "al-more" }, `Show ${formatCount(messages.length)} earlier messages`);
  more.addEventListener("click", () => more.replaceWith(...messages.map(messageBlock)));
  return more;
}

function sourceSection(source: SourcePlace): HTMLElement {
  const place = `${showInline(source.path)}${source.line === null ? "" : `, line ${formatCount(source.line)}`}`;
  const bytes = source.offset === null || source.length === null ? "" : `bytes ${formatCount(source.offset)} – ${formatCount(source.offset + source.length)}`;
  return section("Raw record", false, h("div", { class: "al-source" }, h("code", {}, place), bytes ? h("span", { class: "al-place" }, bytes) : null),
    source.raw === null ? h("p", { class: "al-quiet" }, "The record itself is not at hand here.") : textBlock(source.raw, true));
}

export interface DetailsHost {
  onClose(): void;
  onZoom(): void;
  onGo(row: number): void;
  onLink(spanId: string): void;
  onCause(): void;
}

export class DetailsPanel {
  readonly element: HTMLElement;
  private title = h("h3", { class: "al-title" });
  private said = h("span", { class: "al-said", role: "status", "aria-label": "Link" });
  private spanId = "";
  private path = h("nav", { class: "al-path", "aria-label": "Path to the span" });
  private cause = button("What caused this? Draws the chain from cause to harm", "Root cause", () => this.host.onCause(), { "aria-label": "Root cause", class: "al-button al-cause-button" });
  private body = h("div", { class: "al-details-body", tabindex: 0, role: "group", "aria-label": "What the log says about this span" });

  constructor(private host: DetailsHost, asksCauses: boolean) {
    this.cause.hidden = !asksCauses;
    this.element = h("section", { class: "al-details", "aria-label": "Span details", hidden: true },
      h("div", { class: "al-details-head" }, this.title,
        this.said, this.cause, button("Copy a link to this span", icon("link"), () => host.onLink(this.spanId), { "aria-label": "Copy link" }),
        button("Zoom to span (z)", icon("fit"), () => host.onZoom()), button("Close details (Esc)", icon("close"), () => host.onClose())),
      this.path, this.body);
  }

  open(title: string, path: [row: number, name: string][]): void {
    this.element.hidden = false;
    this.title.textContent = showInline(title);
    this.path.replaceChildren(...path.map(([row, name]) => {
      const step = h("button", { type: "button", class: "al-step" }, showInline(name));
      step.addEventListener("click", () => this.host.onGo(row));
      return step;
    }));
    this.path.scrollLeft = this.path.scrollWidth;
    this.element.setAttribute("aria-busy", "true");
  }

  close(): void {
    this.element.hidden = true;
    this.body.replaceChildren();
  }

  showNote(text: string, isError = false): void {
    this.body.replaceChildren(h("p", { class: isError ? "al-error" : "al-quiet", role: isError ? "alert" : "status" }, showControls(text)));
  }

  say(sentence: string): void {
    this.said.textContent = sentence;
    setTimeout(() => (this.said.textContent = ""), 2000);
  }

  // Why a tool was called: what the model said when it asked for it.
  private whySection(why: Why): HTMLElement {
    const name = showInline(why.name);
    const asker = why.row < 0 ? h("span", {}, name) : h("button", { type: "button", class: "al-more" }, name);
    if (why.row >= 0) asker.addEventListener("click", () => this.host.onGo(why.row));
    const said = why.parts.length ? why.parts.map(partBlock) : [h("p", { class: "al-quiet" }, "It gave no reason in words.")];
    return section("Why", true, h("div", { class: "al-asked" }, "asked for by ", asker), ...said);
  }

  showSpan(span: SpanDetail): void {
    const { tool, source, attributes } = span;
    this.element.setAttribute("aria-busy", "false");
    this.title.textContent = showInline(span.title);
    this.spanId = span.facts.find(([label]) => label === "span")?.[1] ?? "";
    this.body.scrollTop = 0;
    this.body.replaceChildren(...[
      span.error ? h("div", { class: "al-error", role: "note", "aria-label": "Error" }, icon("error"), textBlock(span.error)) : null,
      ...span.findings.map(findingBlock),
      factList(span.facts),
      span.why ? this.whySection(span.why) : null,
      tool?.arguments ? section("Tool arguments", true, textBlock(tool.arguments, true)) : null,
      tool?.result ? section("Tool result", true, textBlock(tool.result, true)) : null,
      ...messageSections(span.messages),
      attributes ? section("Other attributes", false, textBlock(attributes, true)) : null,
      source ? sourceSection(source) : null,
    ].filter((child): child is HTMLElement => child instanceof Node));
  }
}
