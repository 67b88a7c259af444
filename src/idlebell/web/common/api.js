// The gateway's REST API, with fetch. What goes wrong is one kind of error, in the API's own words (RFC 9457).
"use strict";

{
  const PATIENCE_MS = 45_000; // longer than the gateway makes anybody wait (30 s)

  class Problem extends Error {
    constructor(code, status, told = {}) {
      super(told.detail || told.title || code);
      this.name = "Problem";
      this.code = code;
      this.status = status;
      this.title = told.title ?? "";
      this.detail = told.detail ?? "";
      this.mend = told.mend ?? "";
      this.errors = Array.isArray(told.errors) ? told.errors : [];
      this.suggestion = told.suggestion ?? null;
      this.retryAfter = null;
    }

    // Nothing of the gateway's: no answer came.
    get offline() {
      return this.code === "no-answer";
    }
  }

  async function problemOf(answer) {
    let told = {};
    try {
      told = await answer.json();
    } catch {
      // a proxy's page, or nothing: the status has to do
    }
    const code = /^\/problems\/([a-z-]+)$/.exec(told?.type)?.[1] ?? "unexpected-answer";
    const problem = new Problem(code, answer.status, told ?? {});
    const seconds = Number(answer.headers.get("retry-after"));
    if (seconds > 0) problem.retryAfter = seconds;
    return problem;
  }

  // The answer's JSON (null for 204), or a Problem is thrown. A token goes in the header, never in the URL.
  async function call(method, path, { token = null, body = undefined, type = "application/json" } = {}) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = type;
    let answer;
    try {
      answer = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      throw new Problem("no-answer", 0);
    }
    if (!answer.ok) throw await problemOf(answer);
    return answer.status === 204 ? null : answer.json();
  }

  const at = (id, more = "") => `/v1/subscriptions/${encodeURIComponent(id)}${more}`;

  const api = {
    call,
    discover: (address, token) => call("POST", "/v1/discover", { body: { address }, token }),
    signIns: () => call("GET", "/v1/sign-ins"),
    beginSignIn: (body, token) => call("POST", "/v1/sign-ins", { body, token }),
    vapid: () => call("GET", "/v1/vapid"),
    subscribe: (body, token) => call("POST", "/v1/subscriptions", { body, token }),
    show: ({ id, token }) => call("GET", at(id), { token }),
    change: ({ id, token }, body) => call("PATCH", at(id), { token, body, type: "application/merge-patch+json" }),
    resupply: ({ id, token }, auth, wait) =>
      call("PUT", at(id, "/credentials"), { token, body: { auth, wait_seconds: wait } }),
    test: ({ id, token }) => call("POST", at(id, "/test"), { token }),
    verify: ({ id, token }, code) => call("POST", at(id, "/verify"), { token, body: { code } }),
    deliveries: ({ id, token }) => call("GET", at(id, "/deliveries"), { token }),
    ledger: ({ id, token }) => call("GET", at(id, "/ledger"), { token }),
    why: ({ id, token }, mailbox, uid) => call("GET", at(id, `/why?${new URLSearchParams({ mailbox, uid })}`), { token }),
    hush: ({ id, token }, sender) => call("POST", at(id, "/hush"), { token, body: { sender } }),
    link: ({ id, token }) => call("POST", at(id, "/links"), { token }),
    tryFilter: ({ id, token }, filter, limit) => call("POST", at(id, "/filters/test"), { token, body: { filter, limit } }),
    end: ({ id, token }) => call("DELETE", at(id), { token }),
  };

  self.idlebell = { ...self.idlebell, Problem, api };
}
