import "./prelude.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { belongs, keepers, readReturn, retentionOf, serves } from "./web/page/providers.js";

const at = (path) => readReturn(new URL(path, "https://bell.example.org"));

test("what a provider sends back is read from its own path alone", () => {
  assert.deepEqual(at("/signed-in/corp?code=c&state=s&iss=https%3A%2F%2Flogin.example.org"), {
    name: "corp", code: "c", state: "s", iss: "https://login.example.org", error: null,
  });
  assert.deepEqual(at("/signed-in/corp?error=access_denied&state=s"), { name: "corp", code: null, state: "s", iss: null, error: "access_denied" });
  for (const path of ["/?code=c&state=s", "/signed-in?code=c", "/signed-in/", "/signed-in/a/b", "/signed-in/%2e%2e", "/web/signed-in/corp"]) {
    assert.equal(at(path), null, path);
  }
});

test("an answer belongs to a sign-in of this browser, of that provider, or to none", () => {
  const pending = { name: "corp", state: "s", sign_in: "ibo_x" };
  const returned = { name: "corp", state: "s", code: "c" };
  assert.equal(belongs(pending, returned), true);
  assert.equal(belongs(null, returned), false);
  assert.equal(belongs(pending, null), false);
  assert.equal(belongs(pending, { ...returned, state: "t" }), false);
  assert.equal(belongs(pending, { ...returned, name: "other" }), false);
  assert.equal(belongs({ ...pending, state: null }, { ...returned, state: null }), false);
});

test("a provider serves its hosts and those in their domains", () => {
  const provider = { hosts: ["gmail.com", "imap.example.org"] };
  for (const host of ["gmail.com", "imap.gmail.com", "imap.example.org"]) assert.equal(serves(provider, host), true, host);
  for (const host of ["notgmail.com", "gmail.com.evil.net", "example.org", ""]) assert.equal(serves(provider, host), false, host);
});

test("nothing that outlives the session is asked for where nobody keeps it", () => {
  assert.deepEqual(["server", "vault", "nobody", "browser"].map(retentionOf), ["memory", "vault", "session", "session"]);
});

test("only whom the gateway lets keep something is a choice", () => {
  const all = ["browser", "server", "vault", "nobody"];
  assert.deepEqual(keepers(all), ["browser", "server", "nobody"], "an older gateway does not say, and had no vault here");
  assert.deepEqual(keepers(all, ["session", "keys", "memory", "vault"]), all);
  assert.deepEqual(keepers(all, ["session"]), ["browser", "nobody"]);
  assert.deepEqual(keepers(all, ["vault"]), ["vault"]);
});
