// Signs in once more: the gateway has lost the session and nobody keeps the password, or it is refused.

import { field, foreign, h } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { leave, providerOf } from "./providers.js";
import { needsNewRecord, stateOf } from "./state.js";
import { working } from "./adding.js";
import { permitted } from "./push.js";
import "../common/records.js";
import "../common/upkeep.js";

const { records, upkeep } = self.idlebell;

export async function signInView(context, id) {
  const { texts } = context;
  const record = await records.subscription(id);
  if (!record) return (await import("./home.js")).homeView(context);
  const place = h("div", {});
  const provider = await providerOf(record.host);
  const here = h("div", { hidden: Boolean(provider && record.signs_in) }, passwordForm(context, record, place));
  const why = record.signs_in ? "signed-in" : stateOf(record) === "rejected" ? "rejected" : "lost";
  const node = h("div.flow", {},
    h("h1", {}, foreign(record.username)), h("p.lead", {}, texts.say(`sign-in.${why}`)), place,
    provider ? providerForm(context, record, place, provider, here) : null, here);
  return { node, title: texts.say("sign-in.title") };
}

function providerForm({ texts }, record, place, provider, password) {
  async function go() {
    const busy = working(form, texts.say("sign-in.leaving", { provider: provider.title }));
    // What the browser kept was a password; now nobody does.
    const wish = { ...record, keep: record.keep === "browser" ? "nobody" : record.keep, view: null, box: null, token: null };
    try {
      await leave(wish, record.host, needsNewRecord(record) ? (await records.setting("key")) ?? null : record.token);
    } catch (error) {
      place.replaceChildren(problemCard(texts, asProblem(error)));
    } finally {
      busy();
    }
  }

  const reveal = (event) => {
    password.hidden = false;
    event.target.hidden = true;
    password.querySelector("#password").focus();
  };
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), go()) },
    h("div.actions", {},
      h("button.primary", { type: "submit", id: "sign-in", autofocus: password.hidden }, texts.say("sign-in.with", { provider: provider.title })),
      password.hidden ? h("button", { type: "button", id: "password-instead", onclick: reveal }, texts.say("sign-in.password")) : null));
  return form;
}

function passwordForm(context, record, place) {
  const { texts } = context;
  const password = h("input", { type: "password", id: "password", autocomplete: "current-password", required: true, autofocus: !record.signs_in, dir: "ltr" });

  async function send() {
    const busy = working(form, texts.say("add.signing-in", { host: record.host ?? "" }));
    const auth = { type: "password", password: password.value };
    try {
      await permitted();
      if (needsNewRecord(record)) {
        const registration = context.registration ?? (await context.worker);
        const made = await upkeep.register(registration, { ...record, auth }, (await records.setting("key")) ?? null);
        if (made.id !== record.id) await records.forget(record.id);
        context.go(`#/account/${encodeURIComponent(made.id)}`);
      } else {
        await upkeep.resupply(record, auth);
        context.go(`#/account/${encodeURIComponent(record.id)}`);
      }
      context.say(texts.say("sign-in.done"));
    } catch (error) {
      place.replaceChildren(problemCard(texts, asProblem(error)));
    } finally {
      busy();
    }
  }

  const form = h("form", { onsubmit: (event) => (event.preventDefault(), send()) },
    h("input", { type: "hidden", name: "username", autocomplete: "username", value: record.username }),
    field(texts.say("add.password"), password, texts.say(`keep.${record.keep}.note`)),
    h("div.actions", {},
      h("button.primary", { type: "submit", id: "connect" }, texts.say("sign-in.button")),
      h("a.button", { href: `#/account/${encodeURIComponent(record.id)}` }, texts.say("back"))));
  return form;
}
