"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const tell = (what) => fetch("/seen", { method: "POST", body: JSON.stringify(what) });

self.addEventListener("push", (event) => event.waitUntil(answer(event.data.json())));

async function answer(payload) {
  const message = (payload.messages ?? [{}])[0];
  // Every push shows something, or the browser ends the subscription.
  await self.registration.showNotification(message.from ?? payload.type, { body: message.subject, tag: payload.type });
  const shown = (await self.registration.getNotifications()).map((one) => [one.title, one.body]);
  const resupplied = payload.type === "reconnect" ? await resupply() : null;
  await tell({ payload, shown, resupplied });
}

async function resupply() {
  const { gateway, id, token, auth } = await (await caches.match("/kept")).json();
  const response = await fetch(`${gateway}/v1/subscriptions/${id}/credentials`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ auth, wait_seconds: 10 }),
  });
  return response.status;
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tell({ clicked: event.notification.body }));
});

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(tell({ changed: true })));
