import "./prelude.js";
import "./web/common/texts.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const { Texts, chosenLanguage } = self.idlebell;
const texts = new Texts("en", { plain: "Hello", who: "{name} rings", many: { one: "{count} mail", other: "{count} mails" } });

test("the first language that there is a file of is taken, English where there is none", () => {
  assert.equal(chosenLanguage(["fr-FR", "de-AT", "en"]), "de");
  assert.equal(chosenLanguage(["pt-BR"]), "en");
  assert.equal(chosenLanguage([]), "en");
});

test("a value is put in with its own direction", () => {
  assert.equal(texts.say("who", { name: "שלום" }), "\u2068שלום\u2069 rings");
});

test("a value is text and never a place for another value", () => {
  assert.equal(texts.say("who", { name: "{count} $& $1" }), "\u2068{count} $& $1\u2069 rings");
});

test("numbers choose the form and are written as the language does", () => {
  assert.equal(texts.say("many", { count: 1 }), "1 mail");
  assert.equal(texts.say("many", { count: 5040 }), "5,040 mails");
});

test("a text that is missing shows its key", () => {
  assert.equal(texts.say("nothing"), "nothing");
  assert.equal(texts.say("constructor"), "constructor");
});

test("durations and sizes are told in a unit that one can read", () => {
  assert.equal(texts.duration(154), "154 ms");
  assert.equal(texts.duration(-3), "0 ms");
  assert.match(texts.duration(2040), /^2 sec/);
  assert.match(texts.duration(240_000), /^4 min/);
  assert.equal(texts.bytes(18_068_400), "18 MB");
  assert.equal(texts.bytes(4_000), "4 kB");
});

test("what was is told as past, what comes as future", () => {
  assert.equal(texts.ago(20_000), "20 seconds ago");
  assert.equal(texts.ago(-180_000), "in 3 minutes");
  assert.equal(texts.ago(86_400_000), "yesterday");
});
