// The worker: shows what is pushed, and does what has to be done while no page is open. Every push shows a card, for browsers
// end subscriptions that ring in silence.
"use strict";

importScripts(
  "/web/common/texts.js",
  "/web/common/records.js",
  "/web/common/vault.js",
  "/web/common/api.js",
  "/web/common/upkeep.js",
  "/web/common/notice.js",
  "/web/common/webmail.js",
);

const { api, isolated, loadTexts, notice, records, upkeep, webmail } = self.idlebell;
const ICON = "/web/icons/icon-192.png";
const BADGE = "/web/icons/badge-96.png";
const SHELL = "shell";

// --- what is pushed ---

async function words() {
  const language = await records.setting("language").catch(() => null);
  const texts = await loadTexts([language, ...self.navigator.languages].filter(Boolean)).catch(() => null);
  // Without a word to show, a card must still come.
  return texts ? { say: (key, values) => texts.say(key, values), isolated } : { say: () => "Idlebell", isolated };
}

async function openCard(tag) {
  return (await self.registration.getNotifications({ tag })).at(-1);
}

const show = ({ title, options }) => self.registration.showNotification(title, { icon: ICON, badge: BADGE, dir: "auto", ...options });

async function tellPages(message) {
  for (const page of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) page.postMessage(message);
}

// A card of one message has a sender who can be hushed.
function actions(texts, { sender }) {
  return [{ action: "open", title: texts.say("notice.open") }, ...(sender ? [{ action: "less", title: texts.say("notice.less") }] : [])];
}

async function ring(body, record, texts, declared) {
  if (!declared) {
    const card = notice.newMail(body, record?.username ?? "", await openCard(notice.tagOf(body)), texts);
    card.options.actions = actions(texts, card.options.data);
    await show(card);
  }
  const sent = Date.parse(body.at);
  if (record && Number.isFinite(sent)) {
    const mailbox = notice.text(body.mailbox);
    const came = Number.isSafeInteger(body.count) ? Math.max(1, Math.min(body.count, 10_000)) : 1;
    await records.addRing({ subscription: record.id, mailbox, sent_at: sent, received_at: Date.now(), came });
  }
  if (!declared) await badge();
}

// Firefox looks 3 s after a push, Chrome when its event is over, whether a card is there; without one it counts as silent.
const READ_CARD_MS = 5_000;

// Those that have been there for long enough; a younger one answers for a push that is still to be looked at.
async function closeRead() {
  const old = Date.now() - READ_CARD_MS;
  for (const card of await self.registration.getNotifications()) if (card.data?.kind === "read" && card.data.shown_at <= old) card.close();
}

async function withdraw(body, texts) {
  const known = await openCard(notice.tagOf(body));
  const left = notice.seen(body, known, texts);
  await show(left ?? { title: texts.say("notice.all-read"), options: { tag: notice.tagOf(body), silent: true, data: { kind: "read", shown_at: Date.now() } } });
  // After this event, which the worker outlives by half a minute; where it does not, the next push closes it.
  if (!left) setTimeout(closeRead, READ_CARD_MS + 100);
  await badge();
}

// How many messages the open cards stand for, on the app's icon.
async function badge() {
  if (!self.navigator.setAppBadge) return;
  const cards = await self.registration.getNotifications();
  const total = cards.reduce((sum, card) => sum + (card.data?.kind === "mail" ? card.data.count : 0), 0);
  await (total ? self.navigator.setAppBadge(total) : self.navigator.clearAppBadge()).catch(() => {});
}

async function signIn(body, record, texts) {
  const card = (kind, more) => show(notice.standing(kind, body.subscription, record?.username ?? "", texts, more));
  if (record && body.reason !== "rejected") {
    await card("signing-in", { silent: true });
    try {
      if (await upkeep.resupplyKept(record)) return card("signed-in", { silent: true });
    } catch {
      // the page says why; here it is enough that it did not work
    }
  }
  return card(body.reason === "rejected" ? "rejected" : "sign-in", { action: "sign-in" });
}

async function renew(body, record, texts) {
  const card = (kind, more) => show(notice.standing(kind, body.subscription, record?.username ?? "", texts, more));
  try {
    if (!record) throw new Error("unknown");
    await upkeep.renew(record);
    await card("renewed", { silent: true });
  } catch {
    await card("expiring", { action: "state" });
  }
}

async function confirm(body, record, texts) {
  const card = (kind, more) => show(notice.standing(kind, body.subscription, record?.username ?? "", texts, more));
  try {
    // The code may be faster than the answer to the registration that it belongs to.
    const known = record ?? (await laterRecord(body.subscription));
    await api.verify(known, body.code);
    await card("verified", { silent: true });
  } catch {
    await card("unverified", { action: "state" });
  }
}

async function laterRecord(id) {
  for (let tries = 0; tries < 20; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const found = await records.subscription(id);
    if (found) return found;
  }
  throw new Error("no such subscription");
}

// `declared`: the browser shows a card that the gateway has worded. Of mail that says more than is told here, so it stays.
async function pushed({ body, declared }) {
  const texts = await words();
  const record = body && typeof body.subscription === "string" ? await records.subscription(body.subscription).catch(() => null) : null;
  const account = record?.username ?? "";
  const plain = (kind, more) => show(notice.standing(kind, body.subscription, account, texts, more));
  try {
    switch (body?.type) {
      case "new_mail": await ring(body, record, texts, declared); break;
      case "seen": if (!declared) await withdraw(body, texts); break;
      case "reconnect": await signIn(body, record, texts); break;
      case "expiring": await renew(body, record, texts); break;
      case "verification": await confirm(body, record, texts); break;
      case "test": await plain("test"); break;
      case "heartbeat": await plain("heartbeat", { silent: true }); break;
      default: await show({ title: texts.say("notice.something"), options: { tag: "something", data: { kind: "state" } } });
    }
  } catch {
    await show({ title: texts.say("notice.something"), options: { tag: "something", data: { kind: "state" } } });
  }
  if (body?.type !== "seen") await closeRead().catch(() => {});
  await tellPages({ type: "pushed", body: body?.type ?? null, subscription: body?.subscription ?? null, at: body?.at ?? null });
  if (record) await upkeep.tend(self.registration).catch(() => {});
}

self.addEventListener("push", (event) => {
  event.waitUntil(pushed(notice.arrived(event)));
});

// --- what is tapped ---

async function openPage(hash) {
  const page = (await self.clients.matchAll({ type: "window", includeUncontrolled: true }))[0];
  if (!page) return self.clients.openWindow(`/${hash}`);
  page.postMessage({ type: "go", hash });
  return page.focus().catch(() => {});
}

// One tap: mail of this sender rings no more. The card that says so can take it back.
async function hush(record, sender) {
  const texts = await words();
  try {
    await api.hush(record, sender);
  } catch {
    return openPage(`#/account/${record.id}`);
  }
  return show({
    title: texts.say("notice.hushed.title", { sender }),
    options: {
      body: texts.say("notice.hushed.body"), tag: `hushed/${record.id}`, silent: true,
      actions: [{ action: "undo", title: texts.say("notice.undo") }], data: { kind: "hushed", subscription: record.id, sender },
    },
  });
}

async function unhush(record, sender) {
  try {
    await upkeep.unhush(record, { sender });
  } catch {
    await openPage(`#/account/${record.id}`);
  }
}

async function tapped(action, data) {
  const record = data.subscription ? await records.subscription(data.subscription) : null;
  if (!record) return openPage("");
  if (data.kind === "sign-in") return openPage(`#/account/${record.id}/sign-in`);
  if (data.kind !== "mail" && action !== "undo") return openPage(`#/account/${record.id}`);
  if (action === "less") return hush(record, data.sender);
  if (action === "undo") return unhush(record, data.sender);
  const link = webmail.linkOf(record);
  return link ? self.clients.openWindow(link) : openPage(`#/account/${record.id}`);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tapped(event.action, event.notification.data ?? {}).then(badge));
});

self.addEventListener("notificationclose", (event) => {
  event.waitUntil(badge());
});

// --- what the browser changes ---

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(upkeep.tend(self.registration, { start: true }));
});

// --- the page without a network ---

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([self.clients.claim(), upkeep.tend(self.registration, { start: true }).catch(() => {})]));
});

const isShell = (url) => url.origin === self.location.origin && (url.pathname === "/" || url.pathname.startsWith("/web/"));

// The network first, so that page and worker are of one version; what was seen last where there is none.
async function shell(request) {
  const cache = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch (error) {
    const known = await cache.match(request);
    if (known) return known;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && isShell(new URL(event.request.url))) event.respondWith(shell(event.request));
});
