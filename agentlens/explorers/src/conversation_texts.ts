// The texts of a story, asked for as they are needed; and the other questions to the kernel (or the report).

import type { Listener, Model } from "./model.ts";
import type { Piece, Story } from "./conversation_story.ts";

export interface Part {
  type: string;
  text: string;
  name?: string;
  id?: string;
  // Its length in characters, where the text is cut.
  size?: number;
}

export type Texts = Record<string, Part[]>;

const AT_ONCE = 200;

type Waiting = { resolve: (answer: any) => void; reject: (error: Error) => void };

export class TextStore {
  private texts = new Map<string, Part[]>();
  private asked = new Set<string>();
  private queue: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private waiting = new Map<number, Waiting>();
  private id = 0;
  private listener: Listener;

  private readers = new Map<string, (() => void)[]>();

  constructor(private model: Model, private onError: (message: string) => void) {
    this.listener = (message: any) => this.receive(message);
    model.on("msg:custom", this.listener);
    this.adopt(model.get("_texts") ?? {});
  }

  adopt(texts: Texts): void {
    for (const [key, parts] of Object.entries(texts)) this.texts.set(key, parts);
  }

  get(key: string): Part[] | undefined {
    return this.texts.get(key);
  }

  // Calls `read` once the texts of all keys are here: at once, or when they come.
  when(keys: string[], read: () => void): void {
    const missing = keys.filter((key) => !this.texts.has(key));
    if (missing.length === 0) return read();
    let open = missing.length;
    for (const key of missing) {
      this.readers.set(key, [...(this.readers.get(key) ?? []), () => --open === 0 && read()]);
      if (this.asked.has(key)) continue;
      this.asked.add(key);
      this.queue.push(key);
    }
    if (this.queue.length && this.timer === undefined) this.timer = setTimeout(() => this.flush(), 0);
  }

  private flush(): void {
    this.timer = undefined;
    while (this.queue.length) {
      const keys = this.queue.splice(0, AT_ONCE);
      this.ask({ type: "texts", keys, whole: false }).then(({ texts }) => this.take(keys, texts), (error: Error) => this.onError(error.message));
    }
  }

  private take(keys: string[], texts: Texts): void {
    for (const key of keys) this.texts.set(key, texts[key] ?? []);
    for (const key of keys) {
      const readers = this.readers.get(key) ?? [];
      this.readers.delete(key);
      for (const read of readers) read();
    }
  }

  async whole(key: string): Promise<Part[]> {
    const { texts } = await this.ask({ type: "texts", keys: [key], whole: true });
    if (texts[key]) this.texts.set(key, texts[key]);
    return this.texts.get(key) ?? [];
  }

  async find(text: string): Promise<string[]> {
    return (await this.ask({ type: "find", text })).keys;
  }

  // A report carries them all; a kernel works them out.
  async pieces(key: string): Promise<Piece[]> {
    const carried: Record<string, Piece[]> | undefined = this.model.get("_pieces");
    return carried ? carried[key] ?? [] : (await this.ask({ type: "pieces", key })).pieces;
  }

  async run(run: number): Promise<Story & { texts: Texts }> {
    const { story } = await this.ask({ type: "run", run });
    this.adopt(story.texts);
    return story;
  }

  private ask(question: Record<string, unknown>): Promise<any> {
    const id = ++this.id;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.model.send({ ...question, id });
    });
  }

  private receive(message: any): void {
    const waiting = this.waiting.get(message?.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (message.type === "error") waiting.reject(new Error(String(message.message)));
    else waiting.resolve(message);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.waiting.clear();
    this.readers.clear();
    this.model.off("msg:custom", this.listener);
  }
}

export function isAboutTexts(message: any): boolean {
  return ["texts", "find", "run"].includes(message?.type);
}

// What a page without a kernel answers, from the details it carries: parts by key, stories by `run:<preorder>`.
export function answerConversation(message: any, details: Record<string, any>): unknown {
  const { type, id } = message;
  if (type === "texts") {
    return { type, id, texts: Object.fromEntries((message.keys as string[]).filter((key) => details[key]).map((key) => [key, details[key]])) };
  }
  if (type === "find") {
    const wanted = String(message.text).toLowerCase();
    const holds = (parts: Part[]) => parts.some((part) => `${part.name ?? ""} ${part.text}`.toLowerCase().includes(wanted));
    return { type, id, keys: Object.keys(details).filter((key) => Array.isArray(details[key]) && holds(details[key])) };
  }
  const story = details[`run:${message.run}`];
  return story ? { type, id, story } : { type: "error", id, message: "The story of this run is not part of this report." };
}
