// The badge that says whether anything is known to be missing from the evidence, and what, when it is opened.

import { h, icon } from "./dom.ts";
import { showInline } from "./format.ts";
import type { Model } from "./model.ts";

export function completenessBadge(model: Model): HTMLElement {
  const lacks: string[] = model.get("_lacks") ?? [];
  const words = lacks.length === 0 ? "nothing known to be missing" : lacks.length === 1 ? "1 gap" : `${lacks.length} gaps`;
  const head = h("summary", { class: "al-button al-badge", "aria-label": `Completeness: ${words}`, title: "What is missing from the logs" },
    icon(lacks.length ? "warning" : "done"), h("span", {}, words));
  const box = h("details", { class: `al-completeness-badge ${lacks.length ? "al-warning" : "al-state-done"}` }, head,
    h("div", { class: "al-badge-list" }, lacks.length ? h("ul", {}, ...lacks.map((text) => h("li", {}, showInline(text)))) : h("p", {}, "Every record could be used or was left out on purpose, and no loader knows of a gap."),
      h("p", { class: "al-quiet" }, "For each source: ", h("code", {}, 'lens.sql("FROM completeness")'))));
  const close = () => (box.open = false);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    event.stopPropagation();
    close();
    head.focus();
  });
  box.addEventListener("focusout", (event) => event.relatedTarget instanceof Node && !box.contains(event.relatedTarget) && close());
  return box;
}
