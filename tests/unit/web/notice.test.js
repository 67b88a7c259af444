import "./prelude.js";
import "./web/common/texts.js";
import "./web/common/notice.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";

const { notice, Texts, isolated } = self.idlebell;
const english = new Texts("en", JSON.parse(readFileSync(new URL("./web/texts/en.json", import.meta.url))));
const words = { say: (key, values) => english.say(key, values), isolated };
const AT = "2026-11-26T03:00:00.000Z";
const mail = (more = {}) => ({ type: "new_mail", subscription: "sub_1", version: 10, at: AT, mailbox: "INBOX", uid_validity: 1, count: 1, unseen: 1, ...more });
const message = (more = {}) => ({ uid: 11, from: "Boss <boss@example.org>", subject: "Lunch?", preview: "At noon?", ...more });
const opened = ({ title, options }) => ({ title, body: options.body, data: options.data });

test("a body that is no object with a type is none", () => {
  for (const data of ["", "x", "[]", "null", "1", '{"type": 1}', "{}", "{".repeat(9000), undefined]) assert.equal(notice.readBody(data), null);
  assert.equal(notice.readBody('{"type":"test"}').type, "test");
});

test("a push is its text, or the data of the card that a browser shows by itself", () => {
  const text = (value) => ({ text: () => value });
  const said = mail({ messages: [message()] });
  const card = { title: "Boss", data: mail() };
  assert.deepEqual(notice.arrived({ data: text(JSON.stringify(said)) }), { body: said, declared: false });
  assert.deepEqual(notice.arrived({ data: text(JSON.stringify(said)), notification: card }), { body: said, declared: false });
  for (const data of [null, undefined, text("")]) assert.deepEqual(notice.arrived({ data, notification: card }), { body: mail(), declared: true });
  for (const strange of [undefined, null, 7, "x", []]) {
    assert.deepEqual(notice.arrived({ data: null, notification: { title: "?", data: strange } }), { body: null, declared: true });
  }
  assert.deepEqual(notice.arrived({ data: null }), { body: null, declared: false });
});

test("one message is told by its sender and subject", () => {
  const { title, options } = notice.newMail(mail({ messages: [message()] }), "alice@example.org", undefined, words);
  assert.equal(title, "Boss");
  assert.deepEqual(options.body.split("\n"), ["Lunch?", "At noon?", "alice@example.org"]);
  assert.equal(options.tag, "mail/sub_1/INBOX");
  assert.equal(options.data.count, 1);
});

test("an alert says that there is mail and where, and nothing more", () => {
  const { title, options } = notice.newMail(mail(), "alice@example.org", undefined, words);
  assert.equal(title, "New mail");
  assert.equal(options.body, "alice@example.org");
});

test("a second bell of a mailbox adds to the card that is there", () => {
  const first = notice.newMail(mail({ messages: [message()] }), "a@b.example", undefined, words);
  const second = notice.newMail(mail({ version: 11, count: 2, messages: [message({ uid: 12, subject: "Two" }), message({ uid: 13, subject: "Three" })] }), "a@b.example", opened(first), words);
  assert.equal(second.title, "3 new messages");
  assert.equal(second.options.data.count, 3);
  assert.deepEqual(second.options.data.uids, [12, 13, 11]);
  assert.match(second.options.body, /Three.*\n.*Two.*\n.*Lunch/);
});

test("a bell that comes late counts nothing twice and makes no noise", () => {
  const first = notice.newMail(mail({ version: 11 }), "a@b.example", undefined, words);
  const late = notice.newMail(mail({ version: 11 }), "a@b.example", opened(first), words);
  assert.equal(late.options.data.count, 1);
  assert.equal(late.options.silent, true);
  assert.equal(late.options.renotify, false);
});

test("a reminder counts nothing twice, and says that it is one", () => {
  const first = notice.newMail(mail({ messages: [message()] }), "a@b.example", undefined, words);
  const reminder = mail({ version: 11, reminder: true, uids: [11], unseen: undefined });
  const { title, options } = notice.newMail(reminder, "a@b.example", opened(first), words);
  assert.equal(title, "Still unread");
  assert.deepEqual([options.data.count, options.data.uids, options.renotify], [1, [11], true]);
  assert.match(options.body, /Lunch/);
  const alone = notice.newMail({ ...reminder, count: 3, uids: [11, 12, 13] }, "a@b.example", undefined, words);
  assert.equal(alone.title, `${isolated("3")} messages still unread`.replace(/[\u2066-\u2069]/g, ""));
  assert.deepEqual(alone.options.data.uids, [11, 12, 13]);
});

test("mail read elsewhere leaves a smaller card, and none in the end", () => {
  const card = opened(notice.newMail(mail({ count: 2, messages: [message(), message({ uid: 12 })] }), "a@b.example", undefined, words));
  const left = notice.seen({ subscription: "sub_1", mailbox: "INBOX", uids: [11], unseen: 1 }, card, words);
  assert.equal(left.options.data.count, 1);
  assert.equal(left.options.silent, true);
  assert.equal(notice.seen({ uids: [11, 12], unseen: 0 }, card, words), null);
  assert.equal(notice.seen({ uids: [11, 12], unseen: 5 }, card, words), null);
  assert.equal(notice.seen({ uids: [1], unseen: 1 }, undefined, words), null);
});

test("whatever a stranger writes stays bounded text without controls", () => {
  const hostile = [
    "<img src=x onerror=alert(1)>", "\u202Eevil", "a\u0000b\u001b[31m", "x".repeat(1_000_000), "\ud800", "{account}", "\u2066\u2069\u2069",
  ];
  for (const words_ of hostile) {
    const body = mail({ mailbox: words_, messages: [message({ from: words_, subject: words_, preview: words_, uid: words_ })] });
    const { title, options } = notice.newMail(body, "a@b.example", undefined, words);
    assert.ok(title.length <= 250 && options.body.length <= 1000, `${title.length} ${options.body.length}`);
    assert.doesNotMatch(title, /[\u0000-\u001f\u202a-\u202e]/);
    assert.doesNotMatch(options.body.replaceAll("\n", ""), /[\u0000-\u001f\u202a-\u202e]/);
    assert.deepEqual(options.data.uids, []);
  }
});

test("members of the wrong type break nothing", () => {
  for (const wrong of [null, 1, "x", [], {}, true, [null], [[]], -1, 1e9, NaN]) {
    for (const member of ["messages", "count", "unseen", "mailbox", "version", "subscription", "at", "uids"]) {
      const body = { ...mail(), [member]: wrong };
      assert.ok(notice.newMail(body, "a@b.example", { data: { count: wrong, lines: wrong, uids: wrong, version: wrong } }, words).title);
      notice.seen(body, { data: { count: 3, uids: wrong }, body: wrong === null ? undefined : "x" }, words);
    }
  }
});

test("a sender is told by name, or by address where there is no name", () => {
  assert.equal(notice.senderName("Boss <boss@example.org>"), "Boss");
  assert.equal(notice.senderName('"Ada, Countess" <ada@example.org>'), "Ada, Countess");
  assert.equal(notice.senderName("<boss@example.org>"), "boss@example.org");
  assert.equal(notice.senderName("boss@example.org"), "boss@example.org");
});

test("several mailboxes in one bell are told by name and count", () => {
  const body = mail({ mailbox: null, mailboxes: { INBOX: 3, Lists: 2 }, count: 5 });
  const { title, options } = notice.newMail(body, "alice@example.org", undefined, words);
  assert.equal(title, "5 new messages");
  assert.deepEqual(options.body.split("\n"), ["INBOX: 3, Lists: 2", "alice@example.org"]);
  assert.equal(options.tag, "mail/sub_1/");
});

test("a card of one message knows whom to hush, by address", () => {
  const card = (from) => notice.newMail(mail({ messages: [message({ from })] }), "a@b.example", undefined, words).options.data.sender;
  assert.equal(card("Boss <Boss@Example.org>"), "boss@example.org");
  assert.equal(card("boss@example.org"), "boss@example.org");
  assert.equal(card("Boss"), "");
  assert.equal(card(null), "");
  const two = mail({ count: 2, messages: [message(), message()] });
  assert.equal(notice.newMail(two, "a@b.example", undefined, words).options.data.sender, "");
});
