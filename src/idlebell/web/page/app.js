// The page: what is shown for which address, and what keeps it fresh.

import "../common/texts.js";
import "../common/records.js";
import "../common/vault.js";
import "../common/api.js";
import "../common/upkeep.js";
import "../common/webmail.js";
import { h } from "./dom.js";
import { problemCard } from "./problems.js";
import { accountView } from "./account.js";
import { addingView } from "./adding.js";
import { homeView } from "./home.js";
import { settingsView } from "./settings.js";
import { linkedView } from "./links.js";
import { signedInView, takeReturn } from "./providers.js";
import { signInView } from "./signing.js";
import { takeToken } from "./tokens.js";

const { loadTexts, records, upkeep } = self.idlebell;
const FRESH_MS = 5_000;
const UNWATCHED_MS = 60_000;

const VIEWS = [
  [/^$/, homeView],
  [/^add$/, addingView],
  [/^settings$/, settingsView],
  [/^linked$/, linkedView],
  [/^signed-in$/, signedInView],
  [/^account\/([^/]+)$/, accountView],
  [/^account\/([^/]+)\/sign-in$/, signInView],
];

const main = document.getElementById("main");
const context = { texts: null, registration: null, worker: null, warning: null, returned: null, go, say, refreshNow };
let current = null; // {refresh, leave} of the view that is shown
let turn = 0; // of the last call of draw: an older one that comes later shows nothing

function go(hash) {
  if (location.hash === hash) draw();
  else location.hash = hash;
}

// Told to who cannot see the page, shown to who can.
function say(sentence) {
  const place = document.getElementById("notice");
  place.replaceChildren(h("p", {}, sentence));
  setTimeout(() => place.firstChild?.textContent === sentence && place.replaceChildren(), 6_000);
}

function drawn(node, title) {
  main.replaceChildren(node);
  main.removeAttribute("aria-busy");
  document.title = title ? `${title} · Idlebell` : "Idlebell";
}

async function draw() {
  const mine = (turn += 1);
  const path = location.hash.replace(/^#\/?/, "").split("?")[0];
  const found = VIEWS.map(([pattern, view]) => [pattern.exec(path), view]).find(([match]) => match);
  const [match, view] = found ?? [[""], homeView];
  main.setAttribute("aria-busy", "true");
  let shown;
  try {
    shown = await view(context, ...match.slice(1).map(decodeURIComponent));
  } catch (error) {
    shown = { node: problemCard(context.texts, error, [h("a.button", { href: "#/" }, context.texts.say("home"))]), title: "" };
  }
  if (mine !== turn) return;
  current?.leave?.();
  const first = current === null;
  current = shown;
  drawn(shown.node, shown.title);
  if (context.warning) main.prepend(h("p.problem", { role: "alert" }, context.warning)); // of how one came here; stays with this view
  context.warning = null;
  scrollTo(0, 0);
  if (!first) (main.querySelector("[autofocus]") ?? main).focus({ preventScroll: true });
  else main.querySelector("[autofocus]")?.focus({ preventScroll: true });
}

// --- what keeps it fresh ---

async function refreshNow() {
  const known = (await records.subscriptions()).filter((record) => !record.gone);
  await Promise.allSettled(known.map((record) => upkeep.show(record)));
  // A push may have been lost: what the worker would have done is done here.
  const lost = (await records.subscriptions()).some((one) => one.box && (one.gone || one.view?.state === "needs_credentials"));
  if (lost && context.registration) await upkeep.tend(context.registration, { start: true }).catch(() => {});
  await current?.refresh?.();
}

async function keepFresh() {
  let asked = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, FRESH_MS));
    const due = document.visibilityState === "visible" || Date.now() - asked > UNWATCHED_MS;
    if (!due) continue;
    asked = Date.now();
    await refreshNow().catch(() => {});
  }
}

// --- the worker ---

async function startWorker() {
  if (!("serviceWorker" in navigator)) return null;
  // Loading a worker is what Trusted Types guard: this policy gives its one address, and nothing else.
  const policy = self.trustedTypes?.createPolicy("idlebell", { createScriptURL: () => "/sw.js" });
  await navigator.serviceWorker.register(policy ? policy.createScriptURL("") : "/sw.js", { scope: "/", updateViaCache: "none" });
  return navigator.serviceWorker.ready;
}

function heedWorker() {
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.type === "pushed") {
      current?.pushed?.(data);
      refreshNow().catch(() => {});
    } else if (data?.type === "go" && typeof data.hash === "string" && data.hash.startsWith("#")) {
      go(data.hash);
    }
  });
}

// --- the start ---

function dress(texts) {
  document.documentElement.lang = texts.language;
  document.documentElement.dir = texts.direction;
  document.getElementById("skip").textContent = texts.say("skip");
  document.getElementById("nav").replaceChildren(
    h("a.quiet-link", { href: "#/settings", id: "settings" }, texts.say("settings")));
}

async function start() {
  takeReturn(context);
  const language = await records.setting("language").catch(() => null);
  context.texts = await loadTexts([language, ...navigator.languages].filter(Boolean));
  dress(context.texts);
  await takeToken(context);
  heedWorker();
  context.worker = startWorker().then((registration) => (context.registration = registration));
  addEventListener("hashchange", draw);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshNow().catch(() => {}));
  await draw();
  context.worker.then((registration) => registration && upkeep.tend(registration, { start: true }), console.error)
    .then(refreshNow).catch(() => {});
  keepFresh();
}

start().catch((error) => {
  console.error(error);
  drawn(h("div.problem", { role: "alert" }, h("p.problem-title", {}, "Idlebell"),
    h("p", {}, "This page could not start. Reload it; if that does not help, this browser does not let pages store anything.")), "");
});
