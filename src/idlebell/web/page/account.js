// One account: how it stands, a bell to try, and everything that can be set.

import { foreign, h } from "./dom.js";
import { delayChart, gatewayPart } from "./chart.js";
import { digestSection, elsewhereSection, hushedSection, muteSection, opensSection, quietSection, remindSection, saysSection } from "./controls.js";
import { bellsSection, outcomeText } from "./bells.js";
import { offers } from "./capabilities.js";
import { follow } from "./events.js";
import { filterSection, vipSection } from "./filters.js";
import { ledgerSection } from "./ledger.js";
import { linkSection } from "./links.js";
import { asProblem, linked, problemCard, standing } from "./problems.js";
import { needsSignIn, stateLine } from "./state.js";
import "../common/api.js";
import "../common/records.js";
import "../common/upkeep.js";

const { Problem, api, records, upkeep } = self.idlebell;

export async function accountView(context, id) {
  const { texts } = context;
  let record = await records.subscription(id);
  if (!record) return successorOf(context, id);

  const gateway = gatewayDelays(() => record);
  const state = h("div", { id: "state" });
  const bell = bellSection(context, () => record);
  const facts = h("dl.facts", { id: "facts" });
  const chart = h("div", { id: "delays" });
  const boxes = h("ul.mailboxes", { id: "mailboxes" });
  const parts = [
    muteSection, filterSection, hushedSection, quietSection, vipSection, digestSection, remindSection, saysSection, elsewhereSection, opensSection, linkSection,
    bellsSection, ledgerSection,
  ];
  const made = parts.map((make) => make(context, () => record));
  const controls = (await Promise.all(made)).filter(Boolean);
  const living = h("div.living", {}, bell.node, controls.map((one) => one.node));
  const node = h("div.account-page", {},
    h("h1", {}, foreign(record.username)),
    state,
    living,
    h("div", {},
      h("section.card", {}, h("h2", {}, texts.say("facts.title")), facts, boxes),
      h("section.card", {}, h("h2", {}, texts.say("delays.title")), chart),
      endSection(context, () => record)));

  async function refresh() {
    const known = await records.subscription(id);
    if (!known) return successorOf(context, id);
    record = known;
    state.replaceChildren(...stateParts(texts, record, await problemOf(record)));
    facts.replaceChildren(...factRows(texts, record));
    boxes.replaceChildren(...mailboxRows(texts, record));
    const rings = (await records.rings()).filter((ring) => ring.subscription === id);
    living.hidden = needsSignIn(record);
    for (const one of controls) one.refresh(record);
    chart.replaceChildren(delayChart(texts, rings.map((ring) => ({ at: ring.received_at, milliseconds: ring.received_at - ring.sent_at })), await gateway()));
    return undefined;
  }

  await refresh();
  const leaving = new AbortController();
  follow(record, () => context.refreshNow().catch(() => {}), leaving.signal).catch(() => {});
  return { node, title: record.username, refresh, leave: () => leaving.abort(), pushed: (told) => told.subscription === id && bell.pushed(told) };
}

const DELIVERIES_MS = 30_000; // they change with a bell, and nobody counts their milliseconds live

// A function that gives the gateway's part of the way, asked for now and then; null where it does not tell.
function gatewayDelays(current) {
  let asked = -Infinity;
  let known = null;
  return async () => {
    if (performance.now() - asked < DELIVERIES_MS || !(await offers("/deliveries"))) return known;
    asked = performance.now();
    known = await api.deliveries(current()).then(({ items }) => gatewayPart(items), () => known);
    return known;
  };
}

// The account may have been registered anew meanwhile, under another id.
async function successorOf(context, id) {
  const found = (await records.subscriptions()).find((one) => one.formerly === id);
  context.go(found ? `#/account/${encodeURIComponent(found.id)}` : "#/");
  return { node: h("p.loading", {}, "…"), title: "" };
}

function stateParts(texts, record, problem) {
  const { tone, word, detail } = stateLine(texts, record);
  const view = record.view ?? {};
  const link = h("a.button.primary", { href: `#/account/${encodeURIComponent(record.id)}/sign-in`, id: "sign-in" }, texts.say("sign-in.title"));
  // A refresh token that is refused while the session lives can be replaced before that is lost.
  const asks = needsSignIn(record) || problem?.code === "token-refused";
  return [
    h("p.state.large", { "data-tone": tone }, h("span.dot", { "aria-hidden": "true" }), word),
    h("p.state-detail", {}, detail),
    problem
      ? problemCard(texts, problem, asks ? [link] : [])
      : asks ? h("div.actions", {}, link) : null,
    view.alert ? h("div.hint-card", { "data-tone": "info" }, h("p", {}, texts.say("alert.title")), h("p", { dir: "auto" }, ...linked(view.alert.text))) : null,
  ].filter(Boolean);
}

// A lost session is what the state says already.
async function problemOf({ gone, view }) {
  const told = gone ? null : view?.problem;
  return !told || told.type === "/problems/session-lost" ? null : standing(told);
}

function factRows(texts, record) {
  const view = record.view ?? {};
  const ago = (moment) => (moment ? texts.ago(Math.max(0, Date.now() - Date.parse(moment))) : texts.say("never"));
  const ahead = (moment) => (moment ? texts.ago(Math.min(0, Date.now() - Date.parse(moment))) : "–");
  const push = view.last_push;
  const rows = [
    ["mode", view.mode ? texts.say(`mode.${view.mode}`) : "–"],
    ["alive", ago(view.last_seen_alive_at)],
    ["next", ahead(view.next_check_at)],
    ["mail", ago(view.last_event_at)],
    ["push", push ? texts.say(push.outcome === "accepted" ? "facts.push.accepted" : "facts.push.other", { ago: ago(push.at), outcome: outcomeText(texts, push.outcome) }) : texts.say("never")],
    ["rung", texts.say("facts.count", { count: view.counts?.detected ?? 0 })],
    ["until", view.expires_at ? texts.date(new Date(view.expires_at)) : "–"],
  ];
  return rows.map(([name, value]) => h("div", {}, h("dt", {}, texts.say(`facts.${name}`)), h("dd", {}, value)));
}

function mailboxRows(texts, record) {
  const known = record.view?.mailboxes ?? [];
  if (known.length < 2) return [];
  return known.map((one) => h("li", {}, foreign(one.name, "span"), h("span.note", {}, one.mode ? texts.say(`mode.${one.mode}`) : texts.say("mode.none"))));
}

// The bell that one can try: what the push service said, and when the worker heard it.
function bellSection(context, current) {
  const { texts } = context;
  const said = h("p.bell-said", { role: "status", id: "test-result" });
  let rung = null; // when the button was pressed
  let waiting = null;
  const button = h("button.primary.bell", { type: "button", id: "test-bell" }, texts.say("bell.test"));
  const failed = h("div", {});

  button.addEventListener("click", async () => {
    button.disabled = true;
    failed.replaceChildren();
    said.textContent = texts.say("bell.ringing");
    rung = performance.now();
    try {
      const told = await api.test(current());
      if (told.outcome === "accepted") {
        waiting = setTimeout(() => (said.textContent = texts.say("bell.accepted")), 8_000);
        if (rung !== null) said.textContent = texts.say("bell.waiting");
      } else {
        rung = null;
        said.textContent = "";
        failed.replaceChildren(problemCard(texts, new Problem("bell-failed", told.status ?? 0, { detail: told.detail || told.outcome })));
      }
    } catch (error) {
      rung = null;
      said.textContent = "";
      failed.replaceChildren(problemCard(texts, asProblem(error)));
    } finally {
      button.disabled = false;
    }
  });

  return {
    node: h("section.card.bell-card", {}, h("p", {}, texts.say("bell.about")), button, said, failed),
    pushed({ body }) {
      if (body !== "test" || rung === null) return;
      clearTimeout(waiting);
      said.textContent = texts.say("bell.heard", { duration: texts.duration(performance.now() - rung) });
      rung = null;
    },
  };
}

function endSection(context, current) {
  const { texts } = context;
  const dialog = h("dialog", { id: "end-dialog", "aria-labelledby": "end-title" },
    h("h2", { id: "end-title" }, texts.say("end.title")), h("p", {}, texts.say("end.text")),
    h("div.actions", {},
      h("button.danger", { type: "button", id: "end-really", onclick: end }, texts.say("end.really")),
      h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, texts.say("cancel"))));
  const failed = h("div", {});

  async function end() {
    dialog.close();
    const record = current();
    try {
      await upkeep.end(record);
      context.say(texts.say("end.done", { account: record.username }));
      context.go("#/");
    } catch (error) {
      failed.replaceChildren(problemCard(texts, asProblem(error), [
        h("button", { type: "button", onclick: async () => (await records.forget(record.id), context.go("#/")) }, texts.say("end.forget"))]));
    }
  }

  return h("section.card.quiet", {}, h("h2", {}, texts.say("end.heading")), h("p", {}, texts.say("end.about")), failed,
    h("button.danger-link", { type: "button", id: "end", onclick: () => dialog.showModal() }, texts.say("end.button")), dialog);
}
