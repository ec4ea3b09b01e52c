import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { SpanRequests, type SpanDetail } from "#src/requests.ts";
import { StaticModel } from "#src/static_host.ts";

interface Asked {
  id: number;
  row: number;
}

function makeRequests(): { requests: SpanRequests; asked: Asked[]; log: string[]; model: StaticModel; replies: ((answer: unknown) => void)[] } {
  const [asked, log, replies]: [Asked[], string[], ((answer: unknown) => void)[]] = [[], [], []];
  const model = new StaticModel({}, (message, reply) => {
    asked.push(message);
    replies.push(reply);
  });
  const requests = new SpanRequests(model, {
    onWait: (row) => log.push(`waiting for ${row}`),
    onSpan: (row, span) => log.push(`${row} is ${span.title}`),
    onError: (row, message) => log.push(`${row} failed: ${message}`),
  });
  return { requests, asked, log, model, replies };
}

const span = { title: "chat" } as SpanDetail;

test("a late kernel is noticed after 300 ms, an answer in time is not", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { requests, asked, log, replies } = makeRequests();
  requests.ask(4);
  mock.timers.tick(299);
  assert.deepEqual(log, []);
  mock.timers.tick(2);
  assert.deepEqual(log, ["waiting for 4"]);
  replies[0]({ type: "span", id: asked[0].id, row: 4, span });
  await Promise.resolve();
  assert.deepEqual(log, ["waiting for 4", "4 is chat"]);
  mock.timers.reset();
});

test("of many rows in quick succession the first and the last are asked for", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { requests, asked } = makeRequests();
  for (let row = 0; row < 50; row++) requests.ask(row);
  mock.timers.tick(500);
  assert.deepEqual(asked.map(({ row }) => row), [0, 49]);
  mock.timers.reset();
});

test("answers to older questions, and to forgotten ones, are not shown; errors are", async () => {
  const { requests, asked, log, replies } = makeRequests();
  requests.ask(1);
  requests.forget();
  replies[0]({ type: "span", id: asked[0].id, row: 1, span });
  await new Promise((resolve) => setTimeout(resolve, 130));
  requests.ask(2);
  replies[1]({ type: "error", id: asked[1].id, message: "gone" });
  await Promise.resolve();
  assert.deepEqual(log, ["2 failed: gone"]);
  requests.stop();
});
