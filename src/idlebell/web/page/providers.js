// Signing in at the mail provider itself (authorization code with PKCE). The gateway makes and redeems; this page leaves for the
// provider and comes back with a code that is of no use to anybody else: what it takes besides lies sealed in this browser.

import { choices, chosen, foreign, h } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { needsNewRecord } from "./state.js";
import { permitted } from "./push.js";
import "../common/api.js";
import "../common/records.js";
import "../common/upkeep.js";
import "../common/vault.js";

const { Problem, api, records, upkeep, vault } = self.idlebell;
const PATH = /^\/signed-in\/([a-z0-9-]{1,40})$/;
const PENDING = "sign-in"; // of the settings: one at a time in a browser, the latest
const NAMED = new Set(["access_denied", "login_required", "consent_required", "interaction_required"]);

// --- which there are ---

let asked = null;

async function offered() {
  asked ??= api.signIns().then((answer) => {
    retentions = answer.retentions ?? retentions;
    return answer.items;
  }).catch(() => {
    asked = null;
    return [];
  });
  return (await asked) ?? [];
}

// What a gateway keeps that does not say.
let retentions = ["session", "memory"];

// Of those who could sign in again, whom this gateway lets.
export const keepers = (among, kept = retentions) => among.filter((one) => kept.includes(retentionOf(one)));

export const serves = ({ hosts }, host) => hosts.some((one) => host === one || host.endsWith(`.${one}`));

// The provider that signs in users of an IMAP server, or null.
export async function providerOf(host) {
  const name = (host ?? "").toLowerCase();
  const all = await offered();
  return (name && all.find((one) => serves(one, name))) || null;
}

// --- there ---

export const { retentionOf } = upkeep;

// Has to be called from a tap, for the browser's leave to notify is asked for here: after the way back there is none.
// `wish`: what is to come of it, a record or what `upkeep.register` takes; `id` where it is an account that is here.
export async function leave(wish, host, token) {
  await permitted();
  const begun = await api.beginSignIn({ host, username: wish.username, retention: retentionOf(wish.keep) }, token);
  const there = new URL(begun.authorization_url);
  if (!["https:", "http:"].includes(there.protocol)) throw new Problem("unexpected-answer", 0);
  // It would come back to an address where this browser knows nothing of it.
  if (new URL(begun.redirect_uri).origin !== location.origin) {
    throw new Problem("sign-in-elsewhere", 0, { detail: new URL(begun.redirect_uri).origin });
  }
  const pending = { name: begun.name, sign_in: begun.sign_in, state: there.searchParams.get("state"), wish };
  await records.set(PENDING, await vault.seal(PENDING, pending));
  location.assign(there.href);
}

// The part of a form that leaves: who keeps what, and the button.
export function keepChoices(texts, provider, keep) {
  const whom = keepers(["server", "vault", "nobody"]);
  return choices(texts.say("keep.legend"), "keep", whom.map((value) => ({
    value, label: texts.say(`keep.${value}`), note: texts.say(`keep.${value}.signed-in.note`, { provider: provider.title }),
  })), whom.includes(keep) ? keep : whom[0]);
}

export const keptBy = (form) => chosen(form, "keep");

// --- and back ---

// What a provider sent this browser back with, or null.
export function readReturn({ pathname, search }) {
  const name = PATH.exec(pathname)?.[1];
  if (!name) return null;
  const given = new URLSearchParams(search);
  return { name, code: given.get("code"), state: given.get("state"), iss: given.get("iss"), error: given.get("error") };
}

// Taken out of the address at once, so that it stays in no history.
export function takeReturn(context) {
  const returned = readReturn(location);
  if (!returned) return;
  context.returned = returned;
  history.replaceState(null, "", "/#/signed-in");
}

// Whether an answer belongs to what this browser has begun. Anybody can lead somebody to this page with a code of their own.
export const belongs = (pending, returned) =>
  Boolean(pending && returned?.state && pending.state === returned.state && pending.name === returned.name);

// What this browser has begun, where the answer is to that; another answer takes nothing away.
async function takePending(returned) {
  const box = await records.setting(PENDING);
  const pending = box ? await vault.open(PENDING, box) : null;
  if (!belongs(pending, returned)) return null;
  await records.set(PENDING, null);
  return pending;
}

async function finish(context, pending, returned) {
  const { sign_in, wish } = pending;
  const auth = { type: "sign_in", sign_in, state: returned.state, code: returned.code };
  if (returned.iss) auth.iss = returned.iss;
  const record = wish.id ? await records.subscription(wish.id) : null;
  if (record && !needsNewRecord(record)) {
    await upkeep.resupply(record, auth);
    return record.id;
  }
  const registration = context.registration ?? (await context.worker);
  const made = await upkeep.register(registration, { ...wish, auth }, (await records.setting("key")) ?? null);
  if (wish.id && made.id !== wish.id) await records.forget(wish.id);
  return made.id;
}

export async function signedInView(context) {
  const { texts, returned } = context;
  context.returned = null;
  const pending = await takePending(returned);
  const title = texts.say("signed-in.title");
  const wish = pending?.wish ?? null;
  const again = !wish ? "#/" : wish.id ? `#/account/${encodeURIComponent(wish.id)}/sign-in`
    : `#/add?${new URLSearchParams({ user: wish.username, ...wish.server })}`;
  const actions = [h("a.button.primary", { href: again, id: "again" }, texts.say(wish ? "signed-in.again" : "home"))];
  const node = h("div.flow", {}, wish ? h("h1", {}, foreign(wish.username)) : h("h1", {}, title));
  const fail = (error) => node.replaceChildren(node.firstChild, problemCard(texts, asProblem(error), actions));

  if (!pending) {
    fail(new Problem("sign-in-not-ours", 0));
  } else if (!returned.code) {
    fail(new Problem(NAMED.has(returned.error) ? "sign-in-declined" : "sign-in-failed", 0));
  } else {
    node.append(h("p.working", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }),
      texts.say("add.signing-in", { host: wish.server?.host ?? wish.host ?? "" })));
    finish(context, pending, returned).then((id) => {
      context.say(texts.say(wish.id ? "sign-in.done" : "add.done", { account: wish.username }));
      context.go(`#/account/${encodeURIComponent(id)}`);
    }, fail);
  }
  return { node, title };
}
