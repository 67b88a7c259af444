import "./prelude.js";
import "./web/common/texts.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dayText } from "./web/page/ledger.js";

const texts = new self.idlebell.Texts("en", JSON.parse(readFileSync("web/texts/en.json", "utf-8")));

test("a day says what was done, the most frequent command first", () => {
  const day = { day: "2026-11-26", logins: 1, refused: 0, commands: { IDLE: 60, NOOP: 1200 }, pushes: { accepted: 2, retry: 1 } };
  const { head, more } = dayText(texts, day);
  assert.equal(head, "1 sign-in, 1,260 commands, 3 pushes");
  assert.equal(more, "NOOP 1,200 · IDLE 60");
});

test("a day on which the mail server refused says so", () => {
  const { head, more } = dayText(texts, { day: "2026-11-26", logins: 0, refused: 2, commands: {}, pushes: {} });
  assert.equal(head, "0 sign-ins, 2 refused, 0 commands, 0 pushes");
  assert.equal(more, "");
});
