// The first script of the HTML report: unpacks the second, which is ten times its size, and runs it. The policy of the page
// names the hashes of both, so that nothing else can be run in this way.

import { inflate } from "./inflate.ts";

async function load(page: Document): Promise<void> {
  const packed = page.getElementById("agentlens-script")?.textContent ?? "";
  const script = page.createElement("script");
  script.textContent = new TextDecoder().decode(await inflate(packed));
  page.body.append(script);
}

load(document).catch((error: unknown) => {
  for (const place of document.querySelectorAll<HTMLElement>("[data-explorer]")) {
    place.textContent = `The interactive views need a newer browser (${error instanceof Error ? error.message : error}).`;
  }
});
