// Charts, cost, times, links, tokens: the small pure parts of the page.
import "./prelude.js";
import "./web/common/webmail.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, gatewayPart, median } from "./web/page/chart.js";
import { reckoned, week } from "./web/page/cost.js";
import { inAnHour, quietText, tomorrow } from "./web/page/controls.js";
import { linkTo } from "./web/page/links.js";
import { obstacle } from "./web/page/push.js";
import { stateLine } from "./web/page/state.js";
import { isToken, readFragment } from "./web/page/tokens.js";

const { webmail, upkeep } = self.idlebell;
const DAY = 86_400_000;

test("the chart shows the latest thirty, the newest at its end, none negative", () => {
  const delays = Array.from({ length: 40 }, (_, index) => ({ at: index, milliseconds: index - 20 }));
  const shown = bars(delays);
  assert.equal(shown.length, 30);
  assert.deepEqual([shown[0].at, shown.at(-1).at], [10, 39]);
  assert.ok(shown.every((one) => one.height >= 2 && one.y >= 0));
  assert.ok(bars([{ at: 0, milliseconds: 5 }])[0].x > 280);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test("the gateway's part is told of new mail that a push service took", () => {
  const took = (since_ms, more = {}) => ({ type: "new_mail", outcome: "accepted", since_ms, ...more });
  assert.equal(gatewayPart([took(10), took(30), took(20), took(9000, { outcome: "retry" }), took(1, { type: "test" }), took(null)]), 20);
  assert.equal(gatewayPart([]), null);
});

test("a week of polling is reckoned for each account, the bell's connection once", () => {
  const figures = {
    poll: { bytes_a_day: 1000, bytes_a_mail: 10, wakes_a_day: 720, wakes_a_mail: 0 },
    push: { bytes_a_day: 100, bytes_a_mail: 20, wakes_a_day: 50, wakes_a_mail: 1 },
  };
  assert.deepEqual(reckoned(figures, { accounts: 2, mails: 5, days: 7 }), {
    poll: { bytes: 14_050, wakes: 10_080 }, push: { bytes: 800, wakes: 355 },
  });
});

test("the week begins with the first account and counts what rang in it", () => {
  const now = 100 * DAY;
  const rings = [{ received_at: now - DAY, came: 3 }, { received_at: now - 8 * DAY, came: 9 }, { received_at: now }];
  assert.deepEqual(week([{ added_at: now - 2 * DAY }, { added_at: now }], rings, now), { accounts: 2, mails: 4, days: 2 });
  assert.equal(week([{ added_at: 0 }], [], now).days, 7);
});

test("muting ends in an hour, or tomorrow in the morning as the clock on the wall says", () => {
  const now = new Date(2026, 9, 24, 23, 30);
  assert.equal(inAnHour(now) - now, 3_600_000);
  const until = tomorrow(now);
  assert.deepEqual([until.getDate(), until.getHours(), until.getMinutes()], [25, 8, 0]);
  assert.deepEqual([tomorrow(new Date(2026, 11, 31, 12)).getFullYear(), tomorrow(new Date(2026, 11, 31, 12)).getMonth()], [2027, 0]);
});

test("a fragment's token is taken only where it is one", () => {
  assert.deepEqual(readFragment("#invite=abcdefgh1234"), { kind: "invite", token: "abcdefgh1234", name: "" });
  assert.deepEqual(readFragment("#link=abcdefgh/alice%40example.org"), { kind: "link", token: "abcdefgh", name: "alice@example.org" });
  for (const wrong of ["", "#", "#/add", "#invite=", "#invite=short", `#invite=${"x".repeat(201)}`, "#invite=a<b>cdefgh", "#token=abcdefgh"]) {
    assert.equal(readFragment(wrong), null, wrong);
  }
  assert.equal(readFragment("#link=abcdefgh/%E0%A4%A").name, "");
  assert.ok(!isToken("with space in it"));
});

test("a link is read back as what it was made of", () => {
  const link = linkTo("https://gateway.example", "ibl_abcdefgh", "älice/+@example.org");
  assert.deepEqual(readFragment(new URL(link).hash), { kind: "link", token: "ibl_abcdefgh", name: "älice/+@example.org" });
});

test("a tap leads to the provider's page, to the user's own, and to nothing else", () => {
  assert.equal(webmail.linkOf({ username: "a@gmail.com" }), "https://mail.google.com/mail/");
  assert.equal(webmail.linkOf({ username: "a@example.org" }), null);
  assert.equal(webmail.linkOf({ username: "a@gmail.com", opens: "mail.example.org/x" }), "https://mail.example.org/x");
  for (const wrong of ["javascript:alert(1)", "http://mail.example.org", "data:text/html,x", "https://user:pw@mail.example.org", "x", ""]) {
    assert.equal(webmail.read(wrong), null, wrong);
  }
});

test("a lease is renewed from half its time on", () => {
  const record = { expires_at: 30 * DAY, lease_seconds: 30 * 86_400 };
  assert.equal(upkeep.due(record, 14 * DAY), false);
  assert.equal(upkeep.due(record, 15 * DAY), true);
});

test("what keeps a browser from ringing has a name", () => {
  const able = { isSecureContext: true, navigator: { serviceWorker: {}, userAgent: "" }, PushManager: {}, Notification: { permission: "default" } };
  assert.equal(obstacle(able), null);
  assert.equal(obstacle({ ...able, isSecureContext: false }), "insecure");
  assert.equal(obstacle({ ...able, navigator: { userAgent: "" } }), "no-worker");
  assert.equal(obstacle({ isSecureContext: true, navigator: able.navigator }), "no-push");
  assert.equal(obstacle({ isSecureContext: true, navigator: { serviceWorker: {}, userAgent: "iPhone" } }), "home-screen");
  assert.equal(obstacle({ ...able, Notification: { permission: "denied" } }), "denied");
});

const said = { say: (key) => key, ago: () => "", clock: () => "" };

test("a gateway that is silent is not said to be watching", () => {
  const view = { state: "watching", last_seen_alive_at: "2026-11-26T03:00:00Z" };
  assert.equal(stateLine(said, { view, viewed_at: 0 }, 10_000).word, "state.watching");
  assert.equal(stateLine(said, { view, viewed_at: 0 }, 100_000).word, "state.silent");
  assert.equal(stateLine(said, { view, viewed_at: 0, gone: true }, 100_000).word, "state.gone");
  assert.equal(stateLine(said, { view: { ...view, muted_until: "2030-01-01T00:00:00Z" }, viewed_at: 0 }, 0).word, "state.muted");
});

test("quiet hours are told in a line", () => {
  const texts = { language: "en", say: (key, values = {}) => `${key} ${Object.values(values).join(" ")}`.trim() };
  assert.equal(quietText(texts, null), "quiet.none");
  assert.equal(quietText(texts, { from: "22:00", to: "07:00", days: ["sat", "sun"] }), "quiet.told 22:00 07:00 Sat, Sun");
});

test("a browser that shows pushes by itself is told where a tap leads, over https", () => {
  const at = { origin: "https://bell.example.org", protocol: "https:" };
  assert.deepEqual(upkeep.declared(at, true), { navigate: "https://bell.example.org/#/" });
  assert.equal(upkeep.declared(at, false), null);
  assert.equal(upkeep.declared({ origin: "http://127.0.0.1:8025", protocol: "http:" }, true), null, "the gateway would refuse it");
});
