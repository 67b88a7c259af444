// May this browser be rung at all, and what stands in the way.

import "../common/api.js";

const { Problem } = self.idlebell;

// null, or the code of what is missing.
export function obstacle(scope = self) {
  if (!scope.isSecureContext) return "insecure";
  if (!("serviceWorker" in scope.navigator)) return "no-worker";
  if (!("PushManager" in scope) || !("Notification" in scope)) {
    // Safari on a phone gives push to pages on the home screen only.
    return /iPhone|iPad/.test(scope.navigator.userAgent) ? "home-screen" : "no-push";
  }
  return scope.Notification.permission === "denied" ? "denied" : null;
}

// Asks where it was not asked before; has to be called from a tap. A Problem where the answer is no.
export async function permitted() {
  const found = obstacle();
  if (found) throw new Problem(`push-${found}`, 0);
  const answer = await Notification.requestPermission();
  if (answer !== "granted") throw new Problem("push-denied", 0);
}
