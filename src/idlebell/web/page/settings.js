// What is not of one account: the language, the key to this gateway, and where to read on.

import { field, h } from "./dom.js";
import { isToken } from "./tokens.js";
import "../common/records.js";
import "../common/texts.js";

const { LANGUAGES, records } = self.idlebell;

export async function settingsView(context) {
  const { texts } = context;
  const language = h("select", {
    id: "language",
    onchange: async () => {
      await records.set("language", language.value || null);
      location.reload();
    },
  }, h("option", { value: "" }, texts.say("settings.language.browser")),
  LANGUAGES.map((tag) => h("option", { value: tag, lang: tag }, new Intl.DisplayNames(tag, { type: "language" }).of(tag))));
  language.value = (await records.setting("language")) ?? "";

  const key = h("input", { type: "password", id: "key", autocomplete: "off", dir: "ltr", spellcheck: "false" });
  const has = await records.setting("key");
  const form = h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      const text = key.value.trim();
      const token = /#invite=(.+)$/.exec(text)?.[1] ?? text;
      if (token && !isToken(token)) return context.say(texts.say("key.not-one"));
      await records.set("key", token || null);
      key.value = "";
      return context.say(texts.say(token ? "key.kept" : "key.forgotten"));
    },
  }, field(texts.say("key.label"), key, texts.say(has ? "key.has" : "key.note")), h("div.actions", {}, h("button", { type: "submit" }, texts.say("save"))));

  const node = h("div.flow", {},
    h("h1", {}, texts.say("settings")),
    h("section.card", {}, field(texts.say("settings.language"), language)),
    h("section.card", {}, form),
    h("section.card", {}, h("h2", {}, texts.say("settings.more")),
      h("ul.links", {}, h("li", {}, h("a", { href: "/docs" }, texts.say("settings.api"))),
        h("li", {}, h("a", { href: "/problems" }, texts.say("settings.problems"))))),
    h("div.actions", {}, h("a.button", { href: "#/" }, texts.say("back"))));
  return { node, title: texts.say("settings") };
}
