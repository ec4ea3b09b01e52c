// Asking the kernel (or the report) for one span, and noticing when the answer is late.

import type { Listener, Model } from "./model.ts";

export interface MessagePart {
  type: string;
  text: string;
  name?: string;
  id?: string;
}

export interface MessageBlock {
  direction: "system" | "input" | "output";
  position: number;
  role: string;
  parts: MessagePart[];
  note?: string;
}

export interface FindingNote {
  detector: string;
  severity: string;
  tier: string;
  summary: string;
}

export interface SourcePlace {
  path: string;
  line: number | null;
  offset: number | null;
  length: number | null;
  raw: string | null;
}

// What the model said when it asked for this tool call, and in which row; -1 when that row is not shown.
export interface Why {
  row: number;
  name: string;
  parts: MessagePart[];
}

export interface SpanDetail {
  title: string;
  why?: Why | null;
  facts: [label: string, value: string][];
  error?: string | null;
  messages: MessageBlock[];
  tool?: { arguments: string | null; result: string | null } | null;
  findings: FindingNote[];
  attributes?: string | null;
  source?: SourcePlace | null;
}

export interface Answers {
  onWait(row: number): void;
  onSpan(row: number, span: SpanDetail): void;
  onError(row: number, message: string): void;
}

const PATIENCE_MS = 300;
// A held arrow key must not flood the kernel.
const PACE_MS = 120;

export class SpanRequests {
  private id = 0;
  private row = -1;
  private lateTimer: ReturnType<typeof setTimeout> | undefined;
  private paceTimer: ReturnType<typeof setTimeout> | undefined;
  private lastSent = -Infinity;
  private listener: Listener;

  constructor(private model: Model, private answers: Answers) {
    this.listener = (message: any) => this.receive(message);
    model.on("msg:custom", this.listener);
  }

  ask(row: number): void {
    this.row = row;
    clearTimeout(this.paceTimer);
    const early = this.lastSent + PACE_MS - performance.now();
    if (early > 0) this.paceTimer = setTimeout(() => this.send(), early);
    else this.send();
  }

  private send(): void {
    this.lastSent = performance.now();
    this.id++;
    clearTimeout(this.lateTimer);
    const row = this.row;
    this.lateTimer = setTimeout(() => this.answers.onWait(row), PATIENCE_MS);
    this.model.send({ type: "span", id: this.id, row });
  }

  private receive(message: any): void {
    if (!message || message.id !== this.id) return;
    clearTimeout(this.lateTimer);
    if (message.type === "span") this.answers.onSpan(message.row, message.span);
    else if (message.type === "error") this.answers.onError(this.row, String(message.message));
  }

  forget(): void {
    this.id++;
    clearTimeout(this.lateTimer);
    clearTimeout(this.paceTimer);
  }

  stop(): void {
    this.forget();
    this.model.off("msg:custom", this.listener);
  }
}
