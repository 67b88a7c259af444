// What this gateway can do: it says so itself, in its description. What it cannot is not offered.

let asked = null;

async function paths() {
  const answer = await fetch("/openapi.json", { credentials: "omit" });
  return answer.ok ? Object.keys((await answer.json()).paths ?? {}) : [];
}

// `path` below /v1/subscriptions/{id}, as "/links".
export async function offers(path) {
  asked ??= paths().catch(() => {
    asked = null;
    return [];
  });
  return ((await asked) ?? []).includes(`/v1/subscriptions/{id}${path}`);
}
