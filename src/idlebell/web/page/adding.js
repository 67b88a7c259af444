// Adds an account: the address, then where its server is and how one signs in there, then the browser's leave to notify.

import { choices, chosen, field, foreign, h, outward } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { obstacle, permitted } from "./push.js";
import { keepChoices, keepers, keptBy, leave, providerOf } from "./providers.js";
import { isToken } from "./tokens.js";
import "../common/api.js";
import "../common/records.js";
import "../common/upkeep.js";

const { api, records, upkeep } = self.idlebell;

export async function addingView(context) {
  const { texts } = context;
  const node = h("div.flow", {});
  const show = (...parts) => {
    node.replaceChildren(...parts.filter(Boolean));
    node.querySelector("[autofocus]")?.focus();
  };
  const missing = obstacle();
  if (missing) {
    show(h("h1", {}, texts.say("add.title")), problemCard(texts, blockedBy(missing), [h("a.button", { href: "#/" }, texts.say("back"))]));
    return { node, title: texts.say("add.title") };
  }

  function askAddress(address = "", error = null) {
    // Not of type email: at some servers one's name is no address.
    const input = h("input", {
      type: "text", name: "address", id: "address", autocomplete: "username", inputmode: "email", required: true, autofocus: true,
      autocapitalize: "none", spellcheck: "false", value: address, dir: "ltr", placeholder: "alice@example.org",
    });
    const form = h("form", { onsubmit: (event) => (event.preventDefault(), findServer(form, input.value.trim())) },
      field(texts.say("add.address"), input),
      h("div.actions", {}, h("button.primary", { type: "submit", id: "continue" }, texts.say("continue"))));
    show(h("h1", {}, texts.say("add.title")), h("p.lead", {}, texts.say("add.lead")), error, form);
  }

  // Where registration needs a key, it is asked for at this point.
  function askKey(address, error = null) {
    const input = h("input", { type: "password", id: "key", autocomplete: "off", required: true, autofocus: true, dir: "ltr", spellcheck: "false" });
    const form = h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        const key = input.value.trim();
        const token = /#invite=(.+)$/.exec(key)?.[1] ?? key;
        if (!isToken(token)) return askKey(address, h("p.problem", { role: "alert" }, texts.say("key.not-one")));
        await records.set("key", token);
        return findServer(form, address);
      },
    }, field(texts.say("key.label"), input, texts.say("key.note")),
    h("div.actions", {}, h("button.primary", { type: "submit" }, texts.say("continue"))));
    show(h("h1", {}, texts.say("key.title")), h("p.lead", {}, texts.say("key.lead")), error, form);
  }

  async function findServer(form, address) {
    const busy = working(form, texts.say("add.finding"));
    try {
      const found = await lookUp(context, address);
      const server = found.servers.find((one) => one.confirmed) ?? null;
      const provider = await providerOf(server?.host);
      if (provider) askSignIn({ address, found, provider, server });
      else askPassword({ address, found });
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === "unauthorized") askKey(address, problem.ofKey ? problemCard(texts, problem.ofKey) : null);
      else askAddress(address, problemCard(texts, problem));
    } finally {
      busy();
    }
  }

  // At the provider's own page: neither this one nor the gateway is shown a password.
  function askSignIn({ address, found, provider, server, error = null, given = {} }) {
    const password = () => askPassword({ address, found, given: { ...given, ...(server.confirmed ? {} : server) } });
    const form = h("form", { onsubmit: (event) => (event.preventDefault(), go()) },
      h("p.hint-card", { "data-tone": "info" }, texts.say("sign-in.at", { provider: provider.title, host: server.host })),
      keepChoices(texts, provider, given.keep),
      mailboxChoices(texts, given.mailboxes),
      permissionHint(texts),
      h("div.actions", {},
        h("button.primary", { type: "submit", id: "sign-in", autofocus: true }, texts.say("sign-in.with", { provider: provider.title })),
        found.provider?.login === "oauth" ? null : h("button", { type: "button", id: "password-instead", onclick: password }, texts.say("sign-in.password")),
        h("button", { type: "button", onclick: () => askAddress(address) }, texts.say("back"))));

    async function go() {
      given = { ...given, keep: keptBy(form), mailboxes: chosen(form, "mailboxes") };
      const busy = working(form, texts.say("sign-in.leaving", { provider: provider.title }));
      const wish = {
        server: { host: server.host, port: server.port, tls: server.tls },
        username: given.username || server.username || address,
        keep: given.keep,
        payload: "summary",
        mailboxes: given.mailboxes === "personal" ? "personal" : ["INBOX"],
      };
      try {
        await leave(wish, server.host, (await records.setting("key")) ?? null);
      } catch (problem) {
        const { code } = problem;
        if (code === "unauthorized") await records.set("key", null);
        if (code === "unauthorized") askKey(address, problemCard(texts, notValid()));
        else askSignIn({ address, found, provider, server, given, error: problemCard(texts, asProblem(problem)) });
      } finally {
        busy();
      }
    }

    show(h("h1", {}, foreign(address)), error, form);
  }

  function askPassword({ address, found, error = null, manual = false, given = {} }) {
    const server = found.servers.find((one) => one.confirmed) ?? null;
    const guess = server ?? found.servers[0] ?? null;
    const open = manual || !server;
    const whom = keepers(["browser", "server", "vault", "nobody"]);
    const password = h("input", {
      type: "password", id: "password", name: "password", autocomplete: "current-password", required: true, autofocus: !open, dir: "ltr",
      value: given.password ?? "",
    });
    const details = serverFields(texts, guess, open, given);
    const instead = signInInstead(texts, () => (details.open ? details.read() : server), (provider, at) =>
      askSignIn({ address, found, provider, server: at, given: { ...given, username: details.read().username } }));
    details.addEventListener("input", instead.look);
    instead.look();
    const form = h("form", { onsubmit: (event) => (event.preventDefault(), connect(form, { address, found, server, details, password })) },
      h("input", { type: "hidden", name: "username", autocomplete: "username", value: address }),
      providerHint(texts, found.provider),
      serverLine(texts, server, found, given, details),
      details,
      field(passwordLabel(texts, found.provider), password),
      choices(texts.say("keep.legend"), "keep", whom.map((value) => ({
        value, label: texts.say(`keep.${value}`), note: texts.say(`keep.${value}.note`),
      })), whom.includes(given.keep) ? given.keep : whom[0]),
      mailboxChoices(texts, given.mailboxes),
      permissionHint(texts),
      h("div.actions", {},
        h("button.primary", { type: "submit", id: "connect" }, texts.say("add.connect")),
        instead.node,
        h("button", { type: "button", onclick: () => askAddress(address) }, texts.say("back"))));
    show(h("h1", {}, foreign(address)), error, form);
  }

  async function connect(form, { address, found, server, details, password }) {
    const given = { password: password.value, keep: chosen(form, "keep"), mailboxes: chosen(form, "mailboxes"), ...details.read() };
    const manual = details.open;
    const again = (error, more = {}) => askPassword({ address, found, error, manual, given, ...more });
    try {
      await permitted();
    } catch (error) {
      return again(problemCard(texts, error));
    }
    const target = manual ? { host: given.host, port: given.port, tls: given.tls } : { host: server.host, port: server.port, tls: server.tls };
    const busy = working(form, texts.say("add.signing-in", { host: target.host }));
    try {
      const registration = context.registration ?? (await context.worker);
      const record = await upkeep.register(registration, {
        server: target,
        username: (manual && given.username) || server?.username || address,
        auth: { type: "password", password: given.password },
        keep: given.keep,
        payload: "summary",
        mailboxes: given.mailboxes === "personal" ? "personal" : ["INBOX"],
      }, (await records.setting("key")) ?? null);
      context.say(texts.say("add.done", { account: address }));
      return context.go(`#/account/${encodeURIComponent(record.id)}`);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === "unauthorized") {
        await records.set("key", null);
        return askKey(address, problemCard(texts, notValid()));
      }
      if (problem.suggestion) given.host ||= problem.suggestion;
      return again(problemCard(texts, problem), { manual: manual || ["host-unconfirmed", "unreachable", "not-imap", "tls-failed"].includes(problem.code) });
    } finally {
      busy();
    }
  }

  const { user, ...given } = Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] ?? ""));
  if (user && given.host) askPassword({ address: user, found: NOTHING_FOUND, given });
  else askAddress(user ?? "");
  return { node, title: texts.say("add.title") };
}

const mailboxChoices = (texts, given) => choices(texts.say("mailboxes.legend"), "mailboxes", ["inbox", "personal"].map((value) => ({
  value, label: texts.say(`mailboxes.${value}`),
})), given ?? "inbox");

const permissionHint = (texts) =>
  (Notification.permission === "default" ? h("p.hint", {}, texts.say("add.permission")) : null);

// A button that is there while the server in question is one that a provider signs in to. `target`: that server, now.
function signInInstead(texts, target, go) {
  let provider = null;
  const node = h("button", { type: "button", id: "sign-in-instead", hidden: true, onclick: () => go(provider, target()) });
  return {
    node,
    async look() {
      provider = await providerOf(target()?.host);
      node.hidden = !provider;
      node.textContent = provider ? texts.say("sign-in.with", { provider: provider.title }) : "";
    },
  };
}

const NOTHING_FOUND = { servers: [], provider: null };

const notValid = () => new self.idlebell.Problem("key-not-valid", 401);

// A name without a domain has no server that could be found: it is asked for. An invitation or key that is not good is kept no
// longer: perhaps none is needed here, and if one is, that is what to say.
async function lookUp(context, address) {
  const key = (await records.setting("key")) ?? null;
  try {
    return await api.discover(address, key);
  } catch (problem) {
    if (problem.code === "invalid-request") return NOTHING_FOUND;
    if (problem.code !== "unauthorized" || !key) throw problem;
  }
  await records.set("key", null);
  try {
    const found = await lookUp(context, address);
    context.say(context.texts.say("key.not-needed"));
    return found;
  } catch (problem) {
    problem.ofKey = notValid();
    throw problem;
  }
}

export const blockedBy = (missing) => new self.idlebell.Problem(`push-${missing}`, 0);

// The form rests while something is under way; returns what ends that.
export function working(form, sentence) {
  const line = h("p.working", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }), sentence);
  form.setAttribute("aria-busy", "true");
  for (const one of form.querySelectorAll("button, input, select")) one.disabled = true;
  form.append(line);
  return () => {
    line.remove();
    form.removeAttribute("aria-busy");
    for (const one of form.querySelectorAll("button, input, select")) one.disabled = false;
  };
}

function providerHint(texts, provider) {
  if (!provider || provider.login === "own") return null;
  const key = `provider.${provider.login}`;
  const bad = ["oauth", "none"].includes(provider.login);
  return h("div.hint-card", { "data-tone": bad ? "bad" : "info" },
    h("p", {}, texts.say(key, { provider: provider.name })),
    provider.switch_on ? h("p", {}, texts.say("provider.switch-on"), " ", h("span", { lang: "en" }, provider.switch_on)) : null,
    provider.without_imap ? h("p", { lang: "en" }, provider.without_imap) : null,
    h("p", {}, outward(provider.page, texts.say("provider.page", { provider: provider.name }))));
}

function passwordLabel(texts, provider) {
  const kind = { app: "app", code: "code", bridge: "bridge" }[provider?.login];
  return texts.say(kind ? `add.password.${kind}` : "add.password");
}

// One line that says where the password goes.
function serverLine(texts, server, found, given, details) {
  if (!server) {
    const guess = found.servers[0];
    return h("p.note", {}, guess ? texts.say("server.unconfirmed", { host: guess.host }) : given.host ? "" : texts.say("server.none"));
  }
  const source = texts.say(`server.by.${server.source}`);
  const button = h("button.link", {
    type: "button",
    onclick: () => {
      details.reveal();
      line.hidden = true;
    },
  }, texts.say("server.change"));
  const line = h("p.server-line", { hidden: details.open }, texts.say("server.found", { host: server.host, source }), " ", button);
  return line;
}

function serverFields(texts, guess, open, given) {
  const host = h("input", { id: "host", dir: "ltr", autocapitalize: "none", spellcheck: "false", value: given.host ?? guess?.host ?? "", placeholder: "imap.example.org" });
  const tls = h("select", { id: "tls" },
    h("option", { value: "implicit" }, texts.say("server.tls.implicit")), h("option", { value: "starttls" }, texts.say("server.tls.starttls")));
  tls.value = given.tls ?? guess?.tls ?? "implicit";
  const port = h("input", { id: "port", inputmode: "numeric", pattern: "[0-9]{1,5}", dir: "ltr", value: given.port ?? guess?.port ?? 993 });
  const username = h("input", { id: "username", dir: "ltr", autocapitalize: "none", spellcheck: "false", value: given.username ?? "" });
  tls.addEventListener("change", () => (port.value = tls.value === "implicit" ? "993" : "143"));
  const box = h("div.server-fields", { hidden: !open },
    field(texts.say("server.host"), host), h("div.row", {}, field(texts.say("server.tls"), tls), field(texts.say("server.port"), port)),
    field(texts.say("server.username"), username, texts.say("server.username.note")));
  host.required = open;
  return Object.assign(box, {
    open,
    reveal() {
      box.hidden = false;
      host.required = true;
      box.open = true;
      host.focus();
    },
    read: () => ({ host: host.value.trim(), port: Number(port.value) || 993, tls: tls.value, username: username.value.trim() }),
  });
}
