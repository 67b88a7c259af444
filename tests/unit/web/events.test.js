import assert from "node:assert/strict";
import { test } from "node:test";
import { parser } from "./web/page/events.js";

const stream = ": hello\n\nid: 7\nevent: state\ndata: {\"state\":\r\ndata: \"watching\"}\r\n\r\nid: 8\ndata:x\n\nevent: nothing\n\n";
const wanted = [{ id: "7", event: "state", data: '{"state":\n"watching"}' }, { id: "8", event: "message", data: "x" }];

test("events are read wherever the stream is cut", () => {
  for (let size = 1; size <= stream.length; size += 1) {
    const found = [];
    const read = parser((event) => found.push(event));
    for (let at = 0; at < stream.length; at += size) read(stream.slice(at, at + size));
    assert.deepEqual(found, wanted, `pieces of ${size}`);
  }
});

test("an unfinished event is none", () => {
  const found = [];
  parser((event) => found.push(event))("data: x\n");
  assert.deepEqual(found, []);
});

test("a line without end is refused", () => {
  const read = parser(() => {});
  assert.throws(() => {
    for (let turn = 0; turn < 100; turn += 1) read("x".repeat(1000));
  }, RangeError);
});
