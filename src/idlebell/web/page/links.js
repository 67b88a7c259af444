// A second device without the password: this one shows a code of one use, the other opens it.

import { foreign, h, svg } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { obstacle, permitted } from "./push.js";
import { QUIET, encode, path } from "./qr.js";
import { blockedBy, working } from "./adding.js";
import { offers } from "./capabilities.js";
import "../common/api.js";
import "../common/records.js";
import "../common/upkeep.js";

const { api, upkeep } = self.idlebell;

// The link and a name to greet the other device with. Both in the fragment, which no server is sent.
export const linkTo = (origin, token, name) => `${origin}/#link=${token}/${encodeURIComponent(name)}`;

export async function linkSection(context, current) {
  if (!(await offers("/links"))) return null;
  const { texts } = context;
  const place = h("div", {});
  const button = h("button", { type: "button", id: "make-link", onclick: make }, texts.say("link.make"));

  async function make() {
    button.disabled = true;
    try {
      const record = current();
      const made = await api.link(record);
      place.replaceChildren(...shown(context, linkTo(location.origin, made.link_token, record.username), new Date(made.expires_at)));
      place.querySelector("input")?.focus();
      button.textContent = texts.say("link.another");
    } catch (error) {
      place.replaceChildren(problemCard(texts, asProblem(error)));
    } finally {
      button.disabled = false;
    }
  }

  const node = h("details.card", { id: "second-device" }, h("summary", {}, h("h2", {}, texts.say("link.title"))),
    h("p", {}, texts.say("link.about")), place, h("div.actions.tight", {}, button));
  return { node, refresh() {} };
}

function shown({ texts, say }, link, until) {
  const dark = encode(link);
  const size = dark.length + 2 * QUIET;
  const code = svg("svg", { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": texts.say("link.code"), "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, class: "qr-light" }), svg("path", { d: path(dark), class: "qr-dark" }));
  const text = h("input", { id: "link", readonly: true, value: link, dir: "ltr", "aria-label": texts.say("link.address"), onfocus: () => text.select() });
  const copy = h("button", {
    type: "button",
    onclick: async () => {
      await navigator.clipboard.writeText(link).catch(() => text.select());
      say(texts.say("link.copied"));
    },
  }, texts.say("link.copy"));
  return [code, h("div.row.link-row", {}, text, copy), h("p.note", {}, texts.say("link.until", { until: texts.clock(until) }))];
}

// On the other device.
export async function linkedView(context) {
  const { texts, link } = context;
  const node = h("div.flow", {});
  const back = h("a.button", { href: "#/" }, texts.say("home"));
  if (!link) {
    node.replaceChildren(h("h1", {}, texts.say("linked.title")), h("p.lead", {}, texts.say("linked.none")), h("div.actions", {}, back));
    return { node, title: texts.say("linked.title") };
  }
  const missing = obstacle();
  const place = h("div", {}, missing ? problemCard(texts, blockedBy(missing)) : null);
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), join()) },
    Notification?.permission === "default" ? h("p.hint", {}, texts.say("add.permission")) : null,
    h("div.actions", {}, h("button.primary", { type: "submit", id: "join", disabled: Boolean(missing) }, texts.say("linked.join")), back));
  node.replaceChildren(h("h1", {}, texts.say("linked.title")), h("p.lead", {}, foreign(link.name), " ", texts.say("linked.lead")), place, form);

  async function join() {
    let busy = () => {};
    try {
      await permitted();
      busy = working(form, texts.say("linked.joining"));
      const registration = context.registration ?? (await context.worker);
      const record = await upkeep.join(registration, link);
      context.link = null;
      context.say(texts.say("add.done", { account: record.username }));
      context.go(`#/account/${encodeURIComponent(record.id)}`);
    } catch (error) {
      const problem = asProblem(error);
      place.replaceChildren(problemCard(texts, problem));
      if (problem.code === "link-not-valid") form.querySelector("#join").hidden = true; // trying again is of no use
    } finally {
      busy();
    }
  }

  return { node, title: texts.say("linked.title") };
}
