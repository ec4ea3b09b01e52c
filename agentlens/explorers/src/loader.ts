// The first script of the HTML report: puts what is folded in its place, then unpacks the style of the explorers and the second
// script, and runs it. The policy of the page names the hashes of them all, so that nothing else can get in this way.

import { inflateText } from "./inflate.ts";

// What is folded is part of the page, escaped by the same template; a place may hold further places.
function unfold(around: ParentNode, texts: string[]): void {
  for (const place of around.querySelectorAll<HTMLElement>("[data-folded]")) {
    place.innerHTML = texts[Number(place.dataset["folded"])] ?? "";
    unfold(place, texts);
  }
}

async function load(page: Document): Promise<void> {
  const folded = page.getElementById("folded")?.textContent;
  if (folded) unfold(page, JSON.parse(await inflateText(folded)));
  // The style stands before the script runs: explorers measure themselves when they are mounted.
  for (const kind of ["style", "script"] as const) {
    const packed = page.getElementById(`agentlens-${kind}`)?.textContent;
    if (!packed) continue;
    const element = page.createElement(kind);
    element.textContent = await inflateText(packed);
    (kind === "style" ? page.head : page.body).append(element);
  }
}

load(document).catch((error: unknown) => {
  const sorry = `This part of the report needs a newer browser (${error instanceof Error ? error.message : error}).`;
  for (const place of document.querySelectorAll<HTMLElement>("[data-explorer], [data-folded]:empty")) place.textContent = sorry;
});
