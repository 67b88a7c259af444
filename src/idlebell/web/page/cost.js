// What the week would have cost this device had it asked for mail every two minutes, beside what the bells cost. The figures
// were measured (./run bench data_cost); this is their arithmetic.

import { h, svg } from "./dom.js";
import "../common/records.js";

const { records } = self.idlebell;
const DAY_MS = 86_400_000;
const DAYS = 7;

// `figures`: of /web/cost.json. One connection to the push service serves all accounts; each account is asked for itself.
export function reckoned(figures, { accounts, mails, days }) {
  const spent = (way, times) => ({
    bytes: way.bytes_a_day * days * times + way.bytes_a_mail * mails,
    wakes: way.wakes_a_day * days * times + way.wakes_a_mail * mails,
  });
  return { poll: spent(figures.poll, accounts), push: spent(figures.push, 1) };
}

// The last seven days, or the days since the first account was added.
export function week(known, rings, now) {
  const began = Math.min(now, ...known.map((record) => record.added_at));
  const days = Math.min(DAYS, Math.max(1 / 24, (now - began) / DAY_MS));
  const mails = rings.filter((ring) => ring.received_at > now - DAYS * DAY_MS).reduce((sum, ring) => sum + (ring.came ?? 1), 0);
  return { accounts: known.length, mails, days };
}

let figures = null;

export async function costSection(context) {
  const { texts } = context;
  const known = (await records.subscriptions()).filter((record) => !record.gone);
  if (!known.length) return null;
  try {
    figures ??= await (await fetch("/web/cost.json", { credentials: "omit" })).json();
  } catch {
    return null;
  }
  const told = week(known, await records.rings(), Date.now());
  const { poll, push } = reckoned(figures, told);
  const most = Math.max(poll.bytes, push.bytes, 1);
  const row = (name, spent) => h("li", {},
    h("span.cost-name", {}, texts.say(`cost.${name}`)),
    svg("svg", { viewBox: "0 0 100 8", class: `cost-bar ${name}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { width: Math.max(0.6, (100 * spent.bytes) / most), height: 8, rx: 1 })),
    h("span.note", {}, texts.say("cost.spent", { bytes: texts.bytes(spent.bytes), wakes: Math.round(spent.wakes) })));
  return h("section.card.cost", { id: "cost" },
    h("h2", {}, texts.say(told.days >= DAYS ? "cost.title.week" : "cost.title.so-far")),
    h("p", {}, texts.say("cost.mails", { count: told.mails })),
    h("ul", {}, row("push", push), row("poll", poll)),
    h("p.note", {}, texts.say("cost.about")));
}
