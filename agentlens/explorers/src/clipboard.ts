// Text for the clipboard; where the page may not write there, the text stands selected in a box.

import { button, h, icon } from "./dom.ts";
import type { Model } from "./model.ts";

// A notebook cell that asks the question on screen.
export function cellOf(sql: string): string {
  const question = sql.replace(/\\/g, "\\\\").replace(/"""/g, '\\"\\"\\"').replace(/"$/, '\\"');
  return `lens.sql("""\n${question}\n""")`;
}

export async function copyText(text: string, root: HTMLElement, say: (sentence: string) => void): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("copied");
  } catch {
    showForCopying(text, root);
  }
}

function showForCopying(text: string, root: HTMLElement): void {
  root.querySelector(".al-copy-box")?.remove();
  const area = h("textarea", { class: "al-copy-text", readonly: true, rows: Math.min(8, text.split("\n").length + 1), "aria-label": "Text to copy", spellcheck: "false" });
  area.value = text;
  const box = h("div", { class: "al-copy-box", role: "dialog", "aria-label": "Copy by hand" },
    h("div", { class: "al-copy-head" }, h("span", {}, "Press Ctrl+C to copy"), button("Close", icon("close"), () => box.remove())), area);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    box.remove();
  });
  root.append(box);
  area.focus();
  area.select();
}

// The button that puts the question on screen on the clipboard.
export function copyCellButton(model: Model, root: HTMLElement): HTMLElement {
  const said = h("span", { class: "al-said", role: "status", "aria-label": "Clipboard" });
  const say = (sentence: string) => {
    said.textContent = sentence;
    setTimeout(() => (said.textContent = ""), 2000);
  };
  const copy = button("Copy as cell: the question on screen, for a notebook", icon("copy"), () => void copyText(cellOf(String(model.get("_sql") ?? "")), root, say), { "aria-label": "Copy as cell" });
  return h("span", { class: "al-copy" }, said, copy);
}
