// Keeps this browser's subscriptions alive: one Web Push subscription of the browser, a lease and credentials for each account.
// Used by the page and by the worker, where nobody looks.
"use strict";

{
  const { Problem, api, records, vault } = self.idlebell;
  const LEASE_SECONDS = 30 * 86_400;
  const WAIT_SECONDS = 25;
  // The worker's time for one push is short: Chromium ends it after 30 s, Firefox after as long without a sign of life.
  const WORKER_WAIT_SECONDS = 12;
  // Each start renews, but a page that is opened ten times a minute need not.
  const RENEWED_LATELY_MS = 3_600_000;

  // A kept password is not tried again sooner: servers lock accounts that are knocked at.
  const TRIED_LATELY_MS = 15 * 60_000;
  const REFUSED = new Set(["authentication-failed", "app-password-needed", "imap-not-enabled", "plan-without-imap"]);

  const account = (record) => `${record.username}@${record.host ?? ""}`;

  function bytesOf(base64url) {
    const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(text, (one) => one.charCodeAt(0));
  }

  function sameBytes(one, other) {
    const [a, b] = [new Uint8Array(one ?? []), new Uint8Array(other ?? [])];
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }

  // What the gateway is asked to send for a browser that shows a push by itself where this worker does not answer in time
  // (Safari); null: nothing of it, for the others hand everything to the worker.
  const declared = ({ origin, protocol }, able) => (able && protocol === "https:" ? { navigate: `${origin}/#/` } : null);

  // Only a page can see whether its browser is one, so it leaves word for the worker.
  async function declarative() {
    if (typeof self.document === "object") await records.set("declarative", "pushManager" in self ? true : null);
    return declared(self.location, Boolean(await records.setting("declarative")));
  }

  // The browser's subscription as an endpoint of the interface. A subscription that was made for an older key of the gateway is
  // made anew for the current one, so that nobody needs the old one any more.
  async function endpoint(registration) {
    const { public_key: current } = await api.vapid();
    const key = bytesOf(current);
    let found = await registration.pushManager.getSubscription();
    if (found && !sameBytes(found.options.applicationServerKey, key)) {
      await found.unsubscribe();
      found = null;
    }
    found ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint: url, keys } = found.toJSON();
    return {
      type: "webpush", url, keys: { p256dh: keys.p256dh, auth: keys.auth },
      application_server_key: current, declarative: await declarative(),
    };
  }

  const lease = (view) => ({ expires_at: Date.parse(view.expires_at), lease_seconds: LEASE_SECONDS, renewed_at: Date.now() });

  // What the gateway is to keep: nothing where this browser signs in again, or nobody does.
  const retentionOf = (keep) => ({ server: "memory", vault: "vault" })[keep] ?? "session";

  // `keep`: who signs in again when the session is lost: "browser", "server" (until it is restarted), "vault" or "nobody".
  async function register(registration, wish, token, wait = WAIT_SECONDS) {
    const newMail = await endpoint(registration);
    const imap = { ...wish.server, username: wish.username, auth: wish.auth };
    const view = await api.subscribe({
      imap,
      endpoints: { new_mail: newMail },
      payload: wish.payload,
      mailboxes: wish.mailboxes,
      retention: retentionOf(wish.keep),
      lease_seconds: LEASE_SECONDS,
      wait_seconds: wait,
    }, token);
    const { token: own, ...shown } = view;
    const record = {
      id: view.id,
      token: own,
      username: wish.username,
      host: wish.server.host ?? null,
      server: wish.server,
      keep: wish.keep,
      payload: wish.payload,
      mailboxes: wish.mailboxes,
      opens: wish.opens ?? null,
      signs_in: wish.auth.type === "sign_in", // at the provider: there is no password to ask for
      added_at: wish.added_at ?? Date.now(),
      formerly: wish.id ?? null, // what it was before the gateway forgot it: pages that show that go on with this
      endpoint_url: newMail.url,
      declarative: Boolean(newMail.declarative),
      gone: false,
      view: shown,
      viewed_at: Date.now(),
      ...lease(view),
    };
    record.box = wish.keep === "browser" && wish.auth.type === "password" ? await vault.seal(account(record), wish.auth) : null;
    await records.keep(record);
    return record;
  }

  // By a link of one use, from a device of the same user: this browser needs no password and keeps none.
  async function join(registration, { token, name }) {
    const newMail = await endpoint(registration);
    const view = await api.subscribe({
      link: token, endpoints: { new_mail: newMail }, lease_seconds: LEASE_SECONDS, wait_seconds: WAIT_SECONDS,
    });
    const { token: own, ...shown } = view;
    const record = {
      id: view.id,
      token: own,
      username: name,
      host: null,
      server: {},
      keep: "nobody",
      payload: shown.payload,
      mailboxes: shown.mailboxes.map((one) => one.name),
      added_at: Date.now(),
      endpoint_url: newMail.url,
      declarative: Boolean(newMail.declarative),
      gone: false,
      box: null,
      view: shown,
      viewed_at: Date.now(),
      ...lease(view),
    };
    await records.keep(record);
    return record;
  }

  async function viewed(record, view) {
    await records.change(record.id, { view, viewed_at: Date.now(), gone: false, expires_at: Date.parse(view.expires_at) });
    return view;
  }

  async function show(record) {
    try {
      return await viewed(record, await api.show(record));
    } catch (problem) {
      if (problem.code === "not-found") await records.change(record.id, { gone: true });
      throw problem;
    }
  }

  const change = async (record, patch) => viewed(record, await api.change(record, patch));

  const named = ({ sender, list_id }) => (sender ? { sender } : { list_id });
  const sameAs = (one, other) => one.sender === (other.sender ?? null) && one.list_id === (other.list_id ?? null);

  // `one`: {sender} or {list_id}, which rings again. Read anew, for another device may have hushed somebody meanwhile.
  async function unhush(record, one) {
    const { hushed } = await api.show(record);
    return change(record, { hushed: hushed.filter((other) => !sameAs(other, one)).map(named) });
  }

  async function resupply(record, auth, wait = WAIT_SECONDS) {
    const view = await viewed(record, await api.resupply(record, auth, wait));
    const changes = { signs_in: auth.type === "sign_in" };
    if (record.keep === "browser" && auth.type === "password") changes.box = await vault.seal(account(record), auth);
    await records.change(record.id, changes);
    return view;
  }

  // What `use` does with the password that this browser keeps; null where it keeps none that can be used. One that the server
  // refuses is kept no longer.
  async function withKept(record, use) {
    const auth = record.box ? await vault.open(account(record), record.box) : null;
    if (!auth) return null;
    try {
      return await use(auth);
    } catch (problem) {
      if (REFUSED.has(problem.code)) await records.change(record.id, { box: null });
      throw problem;
    }
  }

  const resupplyKept = (record, wait = WORKER_WAIT_SECONDS) => withKept(record, (auth) => resupply(record, auth, wait));

  const due = (record, now) => now >= record.expires_at - (record.lease_seconds * 1000) / 2;

  async function renew(record) {
    const view = await viewed(record, await api.change(record, { lease_seconds: LEASE_SECONDS }));
    await records.change(record.id, lease(view));
    return view;
  }

  // The gateway has forgotten the subscription (404): the same account once more, where the password is kept.
  async function registerAnew(registration, record, wait = WORKER_WAIT_SECONDS) {
    await records.change(record.id, { gone: true });
    const key = await records.setting("key");
    const made = await withKept(record, (auth) => register(registration, { ...record, auth }, key ?? null, wait));
    if (made && made.id !== record.id) await records.forget(record.id);
    return made;
  }

  // Is there nothing left to change? Mail that rang while a browser had no push subscription ends the gateway's (410).
  async function over(record, problem) {
    if (problem.code === "not-found") return true;
    return problem.code === "conflict" && ["ended", "expired"].includes((await show(record)).state);
  }

  // By itself, and not too often.
  async function retried(record, sign) {
    if (!record.box || Date.now() - (record.tried_at ?? 0) < TRIED_LATELY_MS) return;
    await records.change(record.id, { tried_at: Date.now() });
    await sign();
  }

  // One account: its endpoint where the browser's has changed, its lease where it is due or `start` is true, its session where
  // that is lost and this browser can sign in.
  async function tendOne(registration, record, newMail, start) {
    const now = Date.now();
    try {
      if (record.gone) throw new Problem("not-found", 404);
      let { view } = record;
      const declares = Boolean(newMail?.declarative);
      if (newMail && (newMail.url !== record.endpoint_url || declares !== Boolean(record.declarative))) {
        view = await viewed(record, await api.change(record, { endpoints: { new_mail: newMail }, lease_seconds: LEASE_SECONDS }));
        await records.change(record.id, { endpoint_url: newMail.url, declarative: declares, renewed_at: now });
      } else if (due(record, now) || (start && now - (record.renewed_at ?? 0) > RENEWED_LATELY_MS)) {
        view = await renew(record);
      } else if (start) {
        view = await show(record);
      }
      if (start && view?.state === "needs_credentials") await retried(record, () => resupplyKept(record, WAIT_SECONDS));
    } catch (problem) {
      if (!(await over(record, problem))) throw problem;
      await retried(record, () => registerAnew(registration, record));
    }
  }

  // All accounts. One that fails does not keep the others; whoever holds the lock does it for all pages and the worker.
  async function tend(registration, { start = false } = {}) {
    await navigator.locks.request("idlebell-tend", { ifAvailable: true }, async (lock) => {
      const known = lock ? (await records.subscriptions()).filter((record) => !record.gone || record.box) : [];
      if (!known.length) return;
      let newMail = null;
      try {
        if (self.Notification?.permission === "granted") newMail = await endpoint(registration);
      } catch {
        // no push service within reach: leases are renewed all the same
      }
      await Promise.allSettled(known.map((record) => tendOne(registration, record, newMail, start)));
    });
  }

  async function end(record) {
    try {
      await api.end(record);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== "not-found") throw problem;
    }
    await records.forget(record.id);
  }

  const upkeep = { account, change, declared, due, end, endpoint, join, register, registerAnew, renew, resupply, resupplyKept, retentionOf, show, tend, unhush };
  self.idlebell = { ...self.idlebell, upkeep };
}
