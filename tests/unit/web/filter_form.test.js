import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY, FIELDS, fromFilter, toFilter } from "./web/page/filter_form.js";

const boss = { field: "from", value: "boss@example.org" };
const lunch = { field: "subject", value: "Lunch" };
const attached = { field: "hasAttachment", value: "" };
const forms = [
  EMPTY,
  { ...EMPTY, bulk: false },
  { ...EMPTY, only: [boss] },
  { ...EMPTY, only: [boss, lunch] },
  { ...EMPTY, how: "all", only: [boss, lunch, attached] },
  { ...EMPTY, never: [boss] },
  { how: "any", only: [boss, lunch], never: [lunch, attached], bulk: false },
  { how: "all", only: [boss, lunch], never: [lunch], bulk: false },
];

test("a form becomes the filter that the interface has", () => {
  assert.equal(toFilter(EMPTY), null);
  assert.deepEqual(toFilter({ ...EMPTY, only: [boss] }), { from: "boss@example.org" });
  assert.deepEqual(toFilter({ how: "any", only: [boss, lunch], never: [attached], bulk: false }), {
    operator: "AND",
    conditions: [
      { operator: "OR", conditions: [{ from: "boss@example.org" }, { subject: "Lunch" }] },
      { operator: "NOT", conditions: [{ hasAttachment: true }] },
      { isBulk: false },
    ],
  });
});

test("a filter that a form made is read back as that form", () => {
  for (const form of forms) assert.deepEqual(toFilter(fromFilter(toFilter(form))), toFilter(form), JSON.stringify(form));
});

test("the order of members says nothing", () => {
  assert.ok(fromFilter({ conditions: [{ from: "a" }, { from: "b" }], operator: "OR" }));
});

test("rows without words are left out", () => {
  assert.equal(toFilter({ ...EMPTY, only: [{ field: "from", value: "  " }] }), null);
});

test("a filter that says more than the form is not taken for less", () => {
  for (const filter of [
    { from: "a", subject: "b" }, { minSize: 5 }, { isBulk: true }, { hasAttachment: false }, { sieve: "keep;" }, { operator: "NOT", conditions: [{ operator: "OR", conditions: [] }] },
    { operator: "AND", conditions: [{ operator: "OR", conditions: [{ from: "a" }, { from: "b" }] }, { operator: "OR", conditions: [{ from: "c" }, { from: "d" }] }] },
    { operator: "AND" }, { operator: "OR", conditions: 1 }, {}, { from: 1 },
  ]) assert.equal(fromFilter(filter), null, JSON.stringify(filter));
});

test("every field has a name of the interface", () => {
  assert.deepEqual(FIELDS.filter((one) => !/^[a-z][A-Za-z]+$/.test(one)), []);
});
