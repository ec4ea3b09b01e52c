// Findings: what went wrong, worst first, each with its proof; and what every detector made of the log.
//
// Traits: _view {findings, checks} (Python to page), _filter {severity, detector, agent, tier, text} and picked
// {kind: "finding", key} (both ways). A folded record is asked for as {type: "quote", id, key: "<finding>.<evidence>"}
// and answered with {type: "quote", id, key, value: text}.

import { Asker } from "./asker.ts";
import { copyCellButton } from "./clipboard.ts";
import { completenessBadge } from "./completeness.ts";
import { textBlock } from "./details.ts";
import { fillMarked, h, icon, select, setAttribute } from "./dom.ts";
import { countOf, formatCost, formatCount, showControls, showInline } from "./format.ts";
import type { Cleanup, Model, RenderProps } from "./model.ts";
import { showQuote, stand, walkByArrows } from "./part_list.ts";
import { markTouched, namePick, Picker } from "./picking.ts";
import { findMarks } from "./search.ts";
import { asSeverity, SEVERITIES, severityTag } from "./severity.ts";

export interface Evidence {
  path: string | null;
  whole_path: string | null;
  line: number | null;
  says: string | null;
  span_id: string | null;
  has_record: boolean;
}

export interface Finding {
  key: string;
  detector: string;
  severity: string;
  tier: string;
  agent: string | null;
  trace_id: string | null;
  start: string | null;
  end: string | null;
  summary: string;
  tokens: number | null;
  cost: number | null;
  // What MAST and TRAIL call it; null where they have no word for it.
  elsewhere: string | null;
  spans: number;
  evidence: Evidence[];
}

export interface Check {
  detector: string;
  outcome: string;
  findings: number;
  reason: string | null;
}

export type Filter = Partial<Record<"severity" | "detector" | "agent" | "tier" | "text", string>>;

const CHOICES = ["detector", "agent", "tier"] as const;

export function matchesFilter(finding: Finding, filter: Filter): boolean {
  if ((["severity", ...CHOICES] as const).some((name) => filter[name] && finding[name] !== filter[name])) return false;
  const text = `${finding.detector} ${finding.agent ?? ""} ${finding.summary}`.toLowerCase();
  return (filter.text ?? "").toLowerCase().split(/\s+/).filter(Boolean).every((word) => text.includes(word));
}

// The findings of each severity that has some, worst first.
export function groupFindings(findings: Finding[]): [severity: string, findings: Finding[]][] {
  const groups = SEVERITIES.map((severity): [string, Finding[]] => [severity, findings.filter((finding) => asSeverity(finding.severity) === severity)]);
  return groups.filter(([, members]) => members.length > 0);
}

// So many findings of one detector stand as they are; more of them are folded behind the last of these.
const OF_A_SHAPE = 5;

// Findings in order, those of one detector beyond the first few in one place: behind the last that stands as it is.
export function foldAlike(findings: Finding[]): (Finding | Finding[])[] {
  const alike = new Map<string, Finding[]>();
  for (const finding of findings) {
    const members = alike.get(finding.detector);
    if (members) members.push(finding);
    else alike.set(finding.detector, [finding]);
  }
  const seen = new Map<string, number>();
  return findings.flatMap((finding) => {
    const members = alike.get(finding.detector)!;
    const nth = (seen.get(finding.detector) ?? 0) + 1;
    seen.set(finding.detector, nth);
    if (members.length <= OF_A_SHAPE + 1 || nth < OF_A_SHAPE) return [finding];
    return nth === OF_A_SHAPE ? [finding, members.slice(OF_A_SHAPE)] : [];
  });
}

export function describeTime(start: string | null, end: string | null): string {
  if (!start) return "";
  const [from, to] = [start, end ?? start].map((time) => time.replace("T", " ").replace("Z", ""));
  if (from === to) return `${from} UTC`;
  return `${from} – ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to} UTC`;
}

class FindingsView {
  private root = h("div", { class: "al-root al-findings", "data-lm-suppress-shortcuts": "true" });
  private list = h("div", { class: "al-finding-list" });
  private count = h("span", { class: "al-count", role: "status", "aria-label": "Findings shown" });
  private picker: Picker;
  private asker: Asker;
  private cleanups: (() => void)[] = [];
  private folds: { details: HTMLDetailsElement; keys: string[]; fill: () => void }[] = [];

  constructor(private model: Model, el: HTMLElement) {
    this.picker = new Picker(model, () => this.markPicked());
    this.asker = new Asker(model);
    el.append(this.root);
    this.assemble();
    walkByArrows(this.root, ".al-finding-pick");
    const onView = () => this.assemble();
    model.on("change:_view", onView);
    this.cleanups.push(() => this.asker.stop(), () => model.off("change:_view", onView), () => this.picker.stop(), stand(this.root));
  }

  private get findings(): Finding[] {
    return this.model.get("_view").findings;
  }

  private get filter(): Filter {
    return this.model.get("_filter") ?? {};
  }

  private assemble(): void {
    this.root.replaceChildren(this.makeToolbar(), this.list, this.makeChecks());
    this.showList();
  }

  private makeToolbar(): HTMLElement {
    const search = h("input", { type: "search", "aria-label": "Search findings", placeholder: "Search summaries, detectors, agents", spellcheck: "false", autocomplete: "off" });
    search.value = this.filter.text ?? "";
    search.addEventListener("input", () => this.setFilter("text", search.value));
    const fields = CHOICES.map((name) => this.makeChoice(name)).filter((field) => field !== null);
    return h("div", { class: "al-toolbar", role: "toolbar", "aria-label": "Findings controls" }, h("strong", { class: "al-chart-title" }, "Findings"), ...this.makeSeverities(), ...fields,
      h("span", { class: "al-search" }, icon("search"), search, this.count), completenessBadge(this.model), copyCellButton(this.model, this.root));
  }

  // How many there are of each severity, whatever else is chosen; a click shows only these.
  private makeSeverities(): HTMLElement[] {
    const severities = [...new Set(this.findings.map((finding) => finding.severity))].sort((a, b) => SEVERITIES.indexOf(asSeverity(a)) - SEVERITIES.indexOf(asSeverity(b)));
    return severities.map((severity) => {
      const members = this.findings.filter((finding) => finding.severity === severity);
      const chip = h("button", { type: "button", class: "al-severity-pick", "aria-pressed": String(this.filter.severity === severity), title: `Show only ${showInline(severity)} findings` }, severityTag(severity, members.length));
      chip.addEventListener("click", () => {
        this.setFilter("severity", this.filter.severity === severity ? "" : severity);
        for (const other of this.root.querySelectorAll(".al-severity-pick")) setAttribute(other as HTMLElement, "aria-pressed", String(other === chip && this.filter.severity === severity));
      });
      return chip;
    });
  }

  private makeChoice(name: (typeof CHOICES)[number]): HTMLElement | null {
    const values = [...new Set(this.findings.map((finding) => finding[name]).filter((value): value is string => Boolean(value)))];
    if (values.length < 2) return null;
    values.sort();
    const element = select(`Filter by ${name}`, [["", `any ${name}`], ...values.map((value): [string, string] => [value, showInline(value)])], (value) => this.setFilter(name, value));
    element.value = this.filter[name] ?? "";
    return element;
  }

  private setFilter(name: keyof Filter, value: string): void {
    this.model.set("_filter", { ...this.filter, [name]: value });
    this.model.save_changes();
    this.showList();
  }

  private showList(): void {
    const shown = this.findings.filter((finding) => matchesFilter(finding, this.filter));
    const all = this.findings.length;
    this.folds = [];
    this.count.textContent = shown.length === all ? countOf(all, "finding") : `${formatCount(shown.length)} of ${formatCount(all)}`;
    this.count.classList.toggle("al-empty-count", shown.length === 0 && all > 0);
    if (all === 0) this.list.replaceChildren(h("p", { class: "al-nothing" }, "No detector found anything. Below stands which could look."));
    else if (shown.length === 0) this.list.replaceChildren(h("p", { class: "al-nothing" }, "No finding matches what is chosen above."));
    else this.list.replaceChildren(...groupFindings(shown).map(([severity, members]) => this.drawGroup(severity, members)));
    this.markPicked();
  }

  private drawGroup(severity: string, members: Finding[]): HTMLElement {
    return h("section", { class: "al-finding-group", "aria-label": `${severity} findings` },
      h("h3", { class: "al-group-title" }, severityTag(severity, members.length)), ...foldAlike(members).map((one) => (Array.isArray(one) ? this.drawFold(one) : this.drawFinding(one))));
  }

  // Drawn when it is opened, or when one of them is picked elsewhere.
  private drawFold(members: Finding[]): HTMLElement {
    const body = h("div", {});
    const fold = h("details", { class: "al-alike" }, h("summary", {}, `${formatCount(members.length)} more of ${showInline(members[0]!.detector)}`), body);
    const fill = () => {
      if (!fold.open || body.childElementCount) return;
      body.replaceChildren(...members.map((finding) => this.drawFinding(finding)));
      this.markPicked();
    };
    fold.addEventListener("toggle", fill);
    this.folds.push({ details: fold, keys: members.map((finding) => finding.key), fill });
    return fold;
  }

  // Opens what is picked, or selected elsewhere, where it lies in a fold.
  private openFolds(): void {
    const { touched } = this.picker;
    for (const { details, keys, fill } of this.folds) {
      if (details.open || !keys.some((key) => this.picker.is("finding", key) || touched.has(namePick("finding", key)))) continue;
      details.open = true;
      fill();
    }
  }

  private drawFinding(finding: Finding): HTMLElement {
    const summary = h("span", { class: "al-finding-summary" });
    const text = showInline(finding.summary);
    fillMarked(summary, text, findMarks(text, this.filter.text ?? ""));
    const head = h("button", { type: "button", class: "al-finding-pick", "data-key": finding.key, "aria-pressed": "false" },
      h("strong", { class: "al-finding-name" }, showInline(finding.detector)), summary);
    head.addEventListener("click", () => this.picker.toggle("finding", finding.key));
    const facts = [finding.agent ? `agent ${showInline(finding.agent)}` : "", describeTime(finding.start, finding.end), wasteOf(finding),
      finding.spans ? countOf(finding.spans, "span") : "no spans of its own"].filter(Boolean);
    return h("article", { class: `al-one-finding al-edge-${asSeverity(finding.severity)}`, "data-key": finding.key }, head,
      h("div", { class: "al-finding-facts" }, h("span", { class: "al-tag", title: TIERS[finding.tier] ?? "" }, showInline(finding.tier)), ...facts.map((fact) => h("span", {}, fact))),
      finding.evidence.length ? this.drawEvidence(finding) : null);
  }

  private drawEvidence(finding: Finding): HTMLElement {
    const { evidence } = finding;
    return h("details", { class: "al-evidence" }, h("summary", {}, `${countOf(evidence.length, "line")} of evidence`),
      h("ol", {}, ...evidence.map((piece, at) => this.drawPiece(piece, `${finding.key}.${at}`))),
      finding.elsewhere ? h("p", { class: "al-elsewhere" }, `Elsewhere: ${showInline(finding.elsewhere)}`) : null);
  }

  private drawPiece(piece: Evidence, key: string): HTMLElement {
    const place = piece.path ? `${showInline(piece.path)}${piece.line === null ? "" : `:${piece.line}`}` : "no file";
    const item = h("li", {}, h("code", { class: "al-where", title: showInline(piece.whole_path ?? "") }, place),
      piece.says ? h("span", { class: "al-says" }, showControls(piece.says)) : null);
    if (!piece.has_record) return item;
    const body = h("div", { class: "al-record" });
    const record = h("details", { class: "al-record-fold" }, h("summary", {}, "record"), body);
    record.addEventListener("toggle", () => {
      if (record.open && body.childElementCount === 0) showQuote(this.asker, key, body, (value) => [textBlock(value, true)]);
    });
    item.append(record);
    return item;
  }

  private makeChecks(): HTMLElement {
    const checks: Check[] = this.model.get("_view").checks;
    const count = (outcome: string) => checks.filter((check) => check.outcome === outcome).length;
    const title = `Checks: ${count("fired")} fired, ${count("could not look")} could not look, ${count("found nothing")} found nothing`;
    return h("details", { class: "al-checks", open: this.findings.length === 0 }, h("summary", {}, title),
      h("table", { class: "al-table", "aria-label": "Checks" },
        h("thead", {}, h("tr", {}, ...["detector", "outcome", "because"].map((text) => h("th", { scope: "col" }, h("span", { class: "al-th" }, text))))),
        h("tbody", {}, ...checks.map(drawCheck))));
  }

  private markPicked(): void {
    this.openFolds();
    const { touched } = this.picker;
    for (const head of this.list.querySelectorAll<HTMLElement>(".al-finding-pick")) {
      const key = head.dataset["key"]!;
      const picked = this.picker.is("finding", key);
      setAttribute(head, "aria-pressed", String(picked));
      head.closest(".al-one-finding")!.classList.toggle("al-selected", picked);
      markTouched(head.closest(".al-one-finding")!, touched.has(namePick("finding", key)));
    }
    this.showTouched();
  }

  // Scrolls the list, never the page.
  private showTouched(): void {
    const first = this.list.querySelector<HTMLElement>(".al-touched");
    if (!first) return;
    const [box, list] = [first.getBoundingClientRect(), this.list.getBoundingClientRect()];
    if (box.top < list.top || box.bottom > list.bottom) this.list.scrollTop += box.top - list.top - 30;
  }

  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }
}

const TIERS: Record<string, string> = {
  proven: "the log itself shows it", event: "it happened; whether it hurt is for a person to say", candidate: "a pattern that often is a failure",
};

function wasteOf(finding: Finding): string {
  const parts = [finding.tokens ? `${formatCount(finding.tokens)} tokens` : "", finding.cost ? formatCost(finding.cost) : ""].filter(Boolean);
  return parts.length ? `${parts.join(", ")} in vain` : "";
}

const OUTCOMES = { fired: "finding", "could not look": "warning", "found nothing": "done" } as const;

function drawCheck(check: Check): HTMLElement {
  const outcome = check.outcome as keyof typeof OUTCOMES;
  const words = outcome === "fired" ? `${formatCount(check.findings)} found` : check.outcome;
  return h("tr", { class: `al-check-${showInline(check.outcome).replace(/\W+/g, "-")}` }, h("td", {}, showInline(check.detector)),
    h("td", {}, h("span", { class: "al-outcome" }, icon(OUTCOMES[outcome] ?? "unknown"), words)), h("td", { class: "al-because" }, showInline(check.reason ?? "")));
}

function render({ model, el }: RenderProps): Cleanup {
  const view = new FindingsView(model, el);
  return () => view.destroy();
}

export default { render };
