// The transcript: turns in pages that are made when they come near the screen and dropped when they are far from it.

import { h } from "./dom.ts";
import { turnBlock, type Teller } from "./conversation_turns.ts";

const PAGE = 12;
// Height of a turn before it is known.
const GUESS = 190;

export class TranscriptView {
  readonly element = h("div", { class: "al-transcript", role: "region", tabindex: 0, "aria-label": "Transcript" });
  private pages: HTMLElement[] = [];
  private observer: IntersectionObserver;
  private selected = -1;

  constructor(private teller: Teller) {
    const { calls } = teller.story;
    for (let from = 0; from < calls.length; from += PAGE) {
      const page = h("div", { class: "al-page", "data-page": this.pages.length });
      page.style.minHeight = `${GUESS * Math.min(PAGE, calls.length - from)}px`;
      this.pages.push(page);
    }
    this.element.append(...this.pages);
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.turnPage(entry)), { root: this.element, rootMargin: "900px 0px" });
    for (const page of this.pages) this.observer.observe(page);
  }

  private turnPage(entry: IntersectionObserverEntry): void {
    const page = entry.target as HTMLElement;
    if (entry.isIntersecting) this.fill(page);
    else if (page.childElementCount && !page.contains(document.activeElement) && !page.querySelector("details[open]")) {
      page.style.minHeight = `${page.offsetHeight}px`;
      page.replaceChildren();
    }
  }

  private fill(page: HTMLElement): void {
    if (page.childElementCount) return;
    const from = Number(page.dataset["page"]) * PAGE;
    const to = Math.min(from + PAGE, this.teller.story.calls.length);
    for (let call = from; call < to; call++) {
      const turn = turnBlock(call, this.teller);
      turn.classList.toggle("al-selected", call === this.selected);
      page.append(turn);
    }
    page.style.minHeight = "";
  }

  // Marks the call and brings it into sight.
  select(call: number): void {
    this.selected = call;
    for (const turn of this.element.querySelectorAll<HTMLElement>(".al-page > .al-turn")) turn.classList.toggle("al-selected", Number(turn.dataset["call"]) === call);
    const page = this.pages[Math.floor(call / PAGE)];
    if (!page) return;
    this.fill(page);
    // Pages above may still change their height: aim again once they have.
    this.aim(page, call);
    requestAnimationFrame(() => requestAnimationFrame(() => this.aim(page, call)));
  }

  private aim(page: HTMLElement, call: number): void {
    const turn = page.querySelector<HTMLElement>(`:scope > [data-call="${call}"]`);
    if (!turn || this.selected !== call) return;
    const view = this.element.getBoundingClientRect();
    const box = turn.getBoundingClientRect();
    if (box.top < view.top || box.bottom > view.bottom) this.element.scrollTop += box.top - view.top - 8;
  }

  stop(): void {
    this.observer.disconnect();
  }
}
