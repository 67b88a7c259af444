// All accounts of this browser at a glance.

import { foreign, h } from "./dom.js";
import { costSection } from "./cost.js";
import { stateLine } from "./state.js";
import "../common/records.js";

const { records } = self.idlebell;

export async function homeView(context) {
  const { texts } = context;
  const list = h("div.cards", { id: "accounts" });
  const node = h("div", {});

  async function refresh() {
    const known = await records.subscriptions();
    if (!known.length) return node.replaceChildren(...welcome(texts));
    const focused = document.activeElement?.getAttribute?.("href");
    list.replaceChildren(...known.map((record) => card(texts, record)));
    const cost = await costSection(context);
    if (list.parentNode === node) {
      node.querySelector("#cost")?.remove();
      node.append(...[cost].filter(Boolean));
    } else {
      node.replaceChildren(
        h("h1", {}, texts.say("home.title")),
        list,
        h("div.actions", {}, h("a.button", { href: "#/add", id: "add-account" }, texts.say("home.add"))),
        ...[cost].filter(Boolean));
    }
    if (focused) list.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    return undefined;
  }

  await refresh();
  return { node, title: texts.say("home.title"), refresh };
}

function card(texts, record) {
  const { tone, word, detail } = stateLine(texts, record);
  return h("a.card.account", { href: `#/account/${encodeURIComponent(record.id)}` },
    h("span.account-name", {}, foreign(record.username)),
    h("span.state", { "data-tone": tone }, h("span.dot", { "aria-hidden": "true" }), word),
    h("span.account-detail", {}, detail));
}

function welcome(texts) {
  return [
    h("div.hero", {},
      h("img", { src: "/web/icons/icon.svg", alt: "", width: 72, height: 72 }),
      h("h1", {}, texts.say("welcome.title")),
      h("p.lead", {}, texts.say("welcome.lead")),
      h("a.button.primary", { href: "#/add", id: "add-account" }, texts.say("welcome.begin"))),
    h("ul.promises", {}, ["bell", "key", "plain"].map((name) =>
      h("li", {}, h("strong", {}, texts.say(`welcome.${name}.title`)), h("span", {}, texts.say(`welcome.${name}.text`))))),
  ];
}
