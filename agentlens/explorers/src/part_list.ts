// What views that list parts have in common: walking by arrow keys, quotes that are asked for, and standing in a page.

import type { Asker } from "./asker.ts";
import { h } from "./dom.ts";
import { showControls } from "./format.ts";
import { readTheme, watchTheme } from "./theme.ts";

// Up and down walk from one part to the next; no key reaches the notebook. Where a line (`within`) holds several parts, to the first of the next line.
export function walkByArrows(root: HTMLElement, parts: string, within?: string): void {
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = [...root.querySelectorAll<HTMLElement>(parts)];
    const lineOf = (part: HTMLElement) => (within ? part.closest(within) : part);
    const heads = all.filter((part, at) => at === 0 || lineOf(part) !== lineOf(all[at - 1]!));
    const from = all.find((part) => part === event.target);
    if (!from) return;
    const at = heads.findIndex((part) => lineOf(part) === lineOf(from));
    heads[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    event.preventDefault();
  });
}

// Asks for a text by its key and draws it into a box, unless something else is wanted there by then.
export function showQuote(asker: Asker, key: string, box: HTMLElement, draw: (value: string) => Node[], isWanted = () => true): void {
  box.replaceChildren(h("p", { class: "al-quiet", role: "status" }, "asking…"));
  asker.ask("quote", { key }).then((answer) => {
    if (isWanted()) box.replaceChildren(...draw(String(answer.value)));
  }, (error: Error) => {
    if (isWanted()) box.replaceChildren(h("p", { class: "al-quiet", role: "alert" }, showControls(error.message)));
  });
}

// Says that a view stands, and follows the theme of the page until it is taken down.
export function stand(root: HTMLElement): () => void {
  root.dataset["ready"] = "true";
  requestAnimationFrame(() => readTheme(root));
  return watchTheme(() => readTheme(root));
}
