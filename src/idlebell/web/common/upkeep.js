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

  const account = (record) => `${record.username}@${record.host ?? ""}`;

  function bytesOf(base64url) {
    const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(text, (one) => one.charCodeAt(0));
  }

  function sameBytes(one, other) {
    const [a, b] = [new Uint8Array(one ?? []), new Uint8Array(other ?? [])];
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  }

  // The browser's subscription as an endpoint of the interface. A subscription made for another key of the gateway is of no
  // use any more and is made anew.
  async function endpoint(registration) {
    const key = bytesOf((await api.vapid()).public_key);
    let found = await registration.pushManager.getSubscription();
    if (found && !sameBytes(found.options.applicationServerKey, key)) {
      await found.unsubscribe();
      found = null;
    }
    found ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint: url, keys } = found.toJSON();
    return { type: "webpush", url, keys: { p256dh: keys.p256dh, auth: keys.auth } };
  }

  const lease = (view) => ({ expires_at: Date.parse(view.expires_at), lease_seconds: LEASE_SECONDS, renewed_at: Date.now() });

  // `keep`: who signs in again when the session is lost: "browser", "server" or "nobody".
  async function register(registration, wish, token, wait = WAIT_SECONDS) {
    const newMail = await endpoint(registration);
    const imap = { ...wish.server, username: wish.username, auth: wish.auth };
    const view = await api.subscribe({
      imap,
      endpoints: { new_mail: newMail },
      payload: wish.payload,
      mailboxes: wish.mailboxes,
      retention: wish.keep === "server" ? "memory" : "session",
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
      added_at: wish.added_at ?? Date.now(),
      endpoint_url: newMail.url,
      gone: false,
      view: shown,
      viewed_at: Date.now(),
      ...lease(view),
    };
    record.box = wish.keep === "browser" ? await vault.seal(account(record), wish.auth) : null;
    await records.keep(record);
    return record;
  }

  // By a link of one use, from a device of the same user: this browser needs no password and keeps none.
  async function join(registration, { token, name }) {
    const newMail = await endpoint(registration);
    const view = await api.subscribe({
      link: token, endpoints: { new_mail: newMail }, payload: "summary", lease_seconds: LEASE_SECONDS, wait_seconds: WAIT_SECONDS,
    });
    const { token: own, ...shown } = view;
    const record = {
      id: view.id,
      token: own,
      username: name,
      host: null,
      server: {},
      keep: "nobody",
      payload: "summary",
      mailboxes: shown.mailboxes.map((one) => one.name),
      added_at: Date.now(),
      endpoint_url: newMail.url,
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

  async function resupply(record, auth, wait = WAIT_SECONDS) {
    const view = await viewed(record, await api.resupply(record, auth, wait));
    if (record.keep === "browser") await records.change(record.id, { box: await vault.seal(account(record), auth) });
    return view;
  }

  // With what this browser keeps. False where it keeps nothing that can be used.
  async function resupplyKept(record, wait = WORKER_WAIT_SECONDS) {
    const auth = record.box ? await vault.open(account(record), record.box) : null;
    if (!auth) return false;
    await resupply(record, auth, wait);
    return true;
  }

  const due = (record, now) => now >= record.expires_at - (record.lease_seconds * 1000) / 2;

  async function renew(record) {
    const view = await viewed(record, await api.change(record, { lease_seconds: LEASE_SECONDS }));
    await records.change(record.id, lease(view));
    return view;
  }

  // The gateway has forgotten the subscription (404): the same account once more, where the password is kept.
  async function registerAnew(registration, record, wait = WORKER_WAIT_SECONDS) {
    const auth = record.box ? await vault.open(account(record), record.box) : null;
    if (!auth) {
      await records.change(record.id, { gone: true });
      return null;
    }
    const key = await records.setting("key");
    const made = await register(registration, { ...record, auth }, key ?? null, wait);
    if (made.id !== record.id) await records.forget(record.id);
    return made;
  }

  // One account: its endpoint where the browser's has changed, its lease where it is due or `start` is true.
  async function tendOne(registration, record, newMail, start) {
    const now = Date.now();
    try {
      if (newMail && newMail.url !== record.endpoint_url) {
        await viewed(record, await api.change(record, { endpoints: { new_mail: newMail }, lease_seconds: LEASE_SECONDS }));
        await records.change(record.id, { endpoint_url: newMail.url, renewed_at: now });
      } else if (due(record, now) || (start && now - (record.renewed_at ?? 0) > RENEWED_LATELY_MS)) {
        await renew(record);
      }
    } catch (problem) {
      if (problem.code !== "not-found") throw problem;
      await registerAnew(registration, record);
    }
  }

  // All accounts. One that fails does not keep the others; whoever holds the lock does it for all pages and the worker.
  async function tend(registration, { start = false } = {}) {
    await navigator.locks.request("idlebell-tend", { ifAvailable: true }, async (lock) => {
      const known = lock ? (await records.subscriptions()).filter((record) => !record.gone) : [];
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

  const upkeep = { account, change, due, end, endpoint, join, register, registerAnew, renew, resupply, resupplyKept, show, tend };
  self.idlebell = { ...self.idlebell, upkeep };
}
