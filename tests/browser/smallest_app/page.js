"use strict";
// The least that a web app does to be rung: a worker, a push subscription, one request to the gateway.

async function subscribe(gateway, request) {
  const registration = await navigator.serviceWorker.register("worker.js");
  await navigator.serviceWorker.ready;
  const vapid = await (await fetch(`${gateway}/v1/vapid`)).json();
  const push = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: vapid.public_key,
  });
  const { endpoint: url, keys } = push.toJSON();
  const body = { ...request, endpoints: { new_mail: { type: "webpush", url, keys } } };
  const answer = await fetch(`${gateway}/v1/subscriptions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const made = await answer.json();
  // A cache is the one store that page and worker share without ceremony. A real app encrypts what it keeps.
  const kept = { gateway, id: made.id, token: made.token, auth: request.imap.auth };
  await (await caches.open("kept")).put("/kept", new Response(JSON.stringify(kept)));
  return { status: answer.status, ...made };
}
