import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { QUIET, encode, path, penalty } from "./web/page/qr.js";

// Read back by ZXing when they were recorded, and so were codes of every length from 1 to 213 bytes.
const recorded = JSON.parse(readFileSync(new URL("./qr_codes.json", import.meta.url)));

test("codes are those that ZXing has read", () => {
  for (const { text, rows } of recorded) {
    assert.deepEqual(encode(text).map((row) => row.map((dark) => (dark ? "#" : ".")).join("")), rows, text);
  }
});

test("the smallest version that holds the text is taken", () => {
  const sizes = [[1, 21], [14, 21], [15, 25], [26, 25], [84, 37], [106, 41], [180, 53], [181, 57], [213, 57]];
  for (const [length, size] of sizes) assert.equal(encode("x".repeat(length)).length, size, String(length));
  assert.throws(() => encode("x".repeat(214)), RangeError);
  assert.throws(() => encode("é".repeat(107)), RangeError);
});

test("finders stand in three corners", () => {
  const code = encode("https://gateway.example/#link=abc");
  const corner = (x, y) => code.slice(y, y + 7).map((row) => row.slice(x, x + 7).map(Number).join("")).join("/");
  const finder = "1111111/1000001/1011101/1011101/1011101/1000001/1111111";
  assert.deepEqual([corner(0, 0), corner(code.length - 7, 0), corner(0, code.length - 7)], [finder, finder, finder]);
});

test("patterns that mislead a reader cost points", () => {
  const plain = Array.from({ length: 21 }, () => Array(21).fill(false));
  const chess = plain.map((row, y) => row.map((_, x) => (x + y) % 2 === 0));
  assert.ok(penalty(plain) > penalty(chess));
});

test("the path keeps the quiet zone", () => {
  assert.ok(path(encode("x")).startsWith(`M${QUIET} ${QUIET}h1v1h-1z`));
});
