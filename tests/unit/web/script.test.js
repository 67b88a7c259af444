import "./prelude.js";
import "./web/common/api.js";
import "./web/common/texts.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { whyText } from "./web/page/bells.js";
import { isScript, lineSpan, scriptFaults } from "./web/page/script.js";

const SCRIPT = 'require "imap4flags";\n\n  fileinto "Boss";\nkeep;';
const fault = (pointer, detail) => ({ errors: [{ pointer, detail }] });

test("a fault of a script is shown with its line", () => {
  assert.deepEqual(scriptFaults(fault("/filter/sieve", "line 3: fileinto belongs to \"fileinto\""), SCRIPT),
    [{ line: 3, detail: 'fileinto belongs to "fileinto"', code: 'fileinto "Boss";' }]);
  assert.deepEqual(scriptFaults(fault("/filter/sieve", "is too long"), SCRIPT), [{ line: null, detail: "is too long", code: "" }]);
  assert.equal(scriptFaults(fault("/filter/sieve", "line 99: ends too early"), SCRIPT)[0].code, "");
});

test("what is no fault of the script is told elsewhere", () => {
  assert.equal(scriptFaults(fault("/mailbox", "is not one of the subscription's mailboxes"), SCRIPT), null);
  assert.equal(scriptFaults({ errors: [] }, SCRIPT), null);
  assert.equal(scriptFaults(undefined, SCRIPT), null);
});

test("a line is found in the text", () => {
  const cut = (number) => SCRIPT.slice(...lineSpan(SCRIPT, number));
  assert.deepEqual([1, 2, 3, 4, 99].map(cut), ['require "imap4flags";', "", '  fileinto "Boss";', "keep;", "keep;"]);
});

test("a filter is a script or it is none", () => {
  assert.deepEqual([{ sieve: "keep;" }, { from: "x" }, null].map(isScript), [true, false, false]);
});

test("an answer is told by its code in another language, and what decided it as it was said", () => {
  const answer = { outcome: "filtered", answer: "It did not ring: the filter holds it back: no.", messages: [{ outcome: "filtered", because: ["no"] }] };
  const german = new self.idlebell.Texts("de", { "why.filtered": "Der Filter hält sie zurück." });
  assert.deepEqual(whyText(german, answer), { said: "Der Filter hält sie zurück.", english: false, because: "no" });
  assert.equal(whyText(german, { ...answer, outcome: "new" }).english, true);
  assert.equal(whyText(new self.idlebell.Texts("en", { "why.filtered": "x" }), answer).said, answer.answer);
});
