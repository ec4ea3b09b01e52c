// Questions to the kernel (or to the report), each answered once: {type, id, …} there, the same type and id back, or
// {type: "error", id, message}. Bytes that come with an answer stand in its `buffers`.

import type { Listener, Model } from "./model.ts";

let asked = 0;

export class Asker {
  private waiting = new Map<string, { take: (answer: any) => void; fail: (error: Error) => void }>();
  private listener: Listener;

  constructor(private model: Model) {
    this.listener = (message: any, buffers: any) => this.receive(message, buffers);
    model.on("msg:custom", this.listener);
  }

  ask(type: string, question: Record<string, unknown>): Promise<any> {
    const id = `${type}-${++asked}`;
    return new Promise((take, fail) => {
      this.waiting.set(id, { take, fail });
      this.model.send({ ...question, type, id });
    });
  }

  private receive(message: any, buffers: unknown): void {
    const waiting = this.waiting.get(message?.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (message.type === "error") waiting.fail(new Error(String(message.message)));
    else waiting.take({ ...message, buffers });
  }

  stop(): void {
    this.waiting.clear();
    this.model.off("msg:custom", this.listener);
  }
}
