// Signs in once more: the gateway has lost the session and nobody keeps the password, or it is refused.

import { field, foreign, h } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { stateOf } from "./state.js";
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
  const password = h("input", { type: "password", id: "password", autocomplete: "current-password", required: true, autofocus: true, dir: "ltr" });

  async function send() {
    const busy = working(form, texts.say("add.signing-in", { host: record.host ?? "" }));
    const auth = { type: "password", password: password.value };
    try {
      await permitted();
      if (["gone", "expired", "ended"].includes(stateOf(record))) {
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
      h("a.button", { href: `#/account/${encodeURIComponent(id)}` }, texts.say("back"))));
  const node = h("div.flow", {},
    h("h1", {}, foreign(record.username)), h("p.lead", {}, texts.say(`sign-in.${stateOf(record) === "rejected" ? "rejected" : "lost"}`)), place, form);
  return { node, title: texts.say("sign-in.title") };
}
