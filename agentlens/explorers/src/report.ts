// The one script of the HTML report: all explorers, mounted where the page says (see static_host.ts).

import { render as renderAgentMap } from "./agent_map.ts";
import { render as renderCharts } from "./charts.ts";
import { render as renderCompare } from "./compare.ts";
import { render as renderConversation } from "./conversation.ts";
import { render as renderDrift } from "./drift.ts";
import { render as renderFindings } from "./findings.ts";
import { render as renderOverview } from "./overview.ts";
import { mountAll, type StaticModel } from "./static_host.ts";
import { render as renderTraceTree } from "./trace_tree.ts";

export function mount(page: Document): Promise<Map<string, StaticModel>> {
  return mountAll(page, {
    trace_tree: renderTraceTree, charts: renderCharts, overview: renderOverview, agent_map: renderAgentMap, findings: renderFindings,
    conversation: renderConversation, compare: renderCompare, drift: renderDrift,
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => void mount(document));
else void mount(document);
