import assert from "node:assert/strict";
import { test } from "node:test";
import { formatClock, formatCost, formatDuration, formatTick, formatTokens, formatTokenTick, indentJson, showControls, showInline } from "#src/format.ts";
import { chooseRound, chooseStep, placeTicks } from "#src/ticks.ts";

const plain = (text: string) => text.replace(/\u00a0/g, " ");

test("durations read with the unit that fits, from nanoseconds to days", () => {
  const cases: [number, string][] = [
    [0, "0 ms"], [0.0005, "500 ns"], [0.0123, "12.3 µs"], [0.4124, "412 µs"], [1.239, "1.24 ms"], [999, "999 ms"], [999.7, "1.00 s"],
    [12_345, "12.3 s"], [59_999, "1 m 00 s"], [200_000, "3 m 20 s"], [7_500_000, "2 h 05 m"], [200_000_000, "2 d 07 h"], [-5, "-5 ms"],
  ];
  for (const [ms, text] of cases) assert.equal(plain(formatDuration(ms)), text);
  assert.equal(formatDuration(NaN), "");
});

test("a round tick names only the units it has", () => {
  assert.deepEqual([60_000, 90_000, 3_600_000, 5_400_000, 30_000, 2500].map((ms) => plain(formatTick(ms))), ["1 m", "1 m 30 s", "1 h", "1 h 30 m", "30 s", "2.5 s"]);
});

test("no tokens and no price are empty, never zero", () => {
  assert.deepEqual([0, 950, 12_345, 20_000, 120_000, 3_200_000, 3_150_000, 12_345_678, 250_000_000].map(formatTokens), ["", "950", "12.3k", "20.0k", "120k", "3.20M", "3.15M", "12.3M", "250M"]);
  assert.deepEqual([20_000, 120_000, 2_000_000, 2_500_000, 12_300_000].map(formatTokenTick), ["20k", "120k", "2M", "2.5M", "12.3M"]);
  assert.deepEqual([NaN, 0, 0.00002, 0.0023, 1.5, 12_000].map(formatCost), ["", "$0", "<$0.0001", "$0.0023", "$1.50", "$12,000"]);
});

test("the clock is UTC and as fine as the step", () => {
  const at = Date.UTC(2026, 3, 14, 14, 23, 11, 123);
  assert.deepEqual([60_000, 1000, 10, 0.01].map((step) => formatClock(at, step)), ["14:23", "14:23:11", "14:23:11.123", "14:23:11.123000"]);
});

test("steps are round and at most as many as asked for fit", () => {
  for (const span of [0.003, 1, 77, 950, 12_000, 400_000, 9e6, 5e8]) {
    const step = chooseStep(span, 9);
    assert.ok(span / step <= 9.001, `${span}: ${step}`);
    assert.ok(span / step >= 1, `${span}: ${step}`);
  }
  assert.deepEqual([chooseStep(10_000, 10), chooseStep(300_000, 10), chooseStep(86_400_000, 8)], [1000, 30_000, 10_800_000]);
});

test("steps of plain amounts are one, two or five of a power of ten, however large", () => {
  assert.deepEqual([chooseRound(381_000, 8), chooseRound(90, 9), chooseRound(0.4, 2)], [50_000, 10, 0.2]);
  assert.equal(chooseRound(0, 5), 1);
});

test("ticks are multiples of the step from the zero given, ends included", () => {
  assert.deepEqual(placeTicks(0, 1, 0.25), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(placeTicks(12, 31, 10, 2), [12, 22]);
  assert.equal(placeTicks(0, 1e9, 1e-6).length, 1000);
});

test("whatever hides in text is shown: escapes, bidi overrides, invisible and tag characters, lone surrogates", () => {
  assert.equal(showControls("\x1b[31mred"), "⟨U+001B⟩[31mred");
  assert.equal(showControls("a\u202eb\u2066c\u200bd\ufeffe"), "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200B⟩d⟨U+FEFF⟩e");
  assert.equal(showControls("x\u{e0041}\ud800y"), "x⟨U+E0041⟩⟨U+D800⟩y");
  assert.equal(showControls("line\r\nnext\ttab 👩‍🚀"), "line\nnext\ttab 👩‍🚀");
  assert.equal(showInline("a\nb\tc"), "a ↵ b ⇥ c");
});

test("JSON is laid out without touching a digit, a string or an order", () => {
  const source = '{"b":123456789012345678901234567890,"a":[1.0,{}, [ ] ],"s":"x, {y}: \\"z\\""}';
  const laidOut = indentJson(source)!;
  assert.match(laidOut, /"b": 123456789012345678901234567890,\n {2}"a": \[\n {4}1\.0,\n {4}\{\},\n {4}\[\]\n {2}\],/);
  assert.deepEqual(JSON.parse(laidOut), JSON.parse(source));
  assert.equal(laidOut.replace(/\s+(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)/g, "").length, source.replace(/\s+(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)/g, "").length);
});

test("what is no JSON is left as it is", () => {
  for (const text of ["plain", "{broken", "", "42"]) assert.equal(indentJson(text), null);
});
