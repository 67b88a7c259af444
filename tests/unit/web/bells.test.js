import "./prelude.js";
import "./web/common/texts.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bellText } from "./web/page/bells.js";

const texts = new self.idlebell.Texts("en", JSON.parse(readFileSync("web/texts/en.json", "utf-8")));
const plain = (text) => text.replace(/[\u2066-\u2069]/g, "");
const bell = { type: "new_mail", outcome: "accepted", status: 201, host: "push.example.org", took_ms: 80 };

test("a bell says what the push service made of it", () => {
  const { head, more } = bellText(texts, bell);
  assert.equal(head, "New mail: taken by the push service");
  assert.equal(plain(more), "push.example.org answered 201, after 80 ms");
});

test("a bell that was never sent has no answer", () => {
  const { head, more } = bellText(texts, { type: "new_mail", outcome: "coalesced", status: null, host: null, took_ms: null });
  assert.equal(head, "New mail: a newer one stood for it");
  assert.equal(more, "");
});

test("a bell without an answer says why there was none", () => {
  const detail = "The push service did not answer in time.";
  const told = bellText(texts, { ...bell, outcome: "retry", status: null, took_ms: 15_000, detail });
  assert.match(plain(told.more), /^after 15/);
  assert.equal(told.detail, detail);
});

test("what a later gateway says is shown as it is", () => {
  assert.equal(plain(bellText(texts, { ...bell, type: "new", outcome: "lost" }).head), "Something else: lost");
});
