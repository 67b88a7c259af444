// Which mail rings: a filter made by a form, tried on the latest messages while it is being made.

import { foreign, h } from "./dom.js";
import { whyAsker } from "./bells.js";
import { changer } from "./controls.js";
import { asProblem, problemCard } from "./problems.js";
import { offers } from "./capabilities.js";
import { EMPTY, FIELDS, fromFilter, takesWords, toFilter } from "./filter_form.js";
import "../common/api.js";

const { api } = self.idlebell;
const SETTLED_MS = 600; // after the last key: each trial is a look into the mailbox
const TRIED = 20;

export async function filterSection(context, current) {
  if (!(await offers("/filters/test"))) return null;
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const asker = await whyAsker(context, current);
  const told = h("span.note", {});
  const only = rowList(texts, "only", changed);
  const never = rowList(texts, "never", changed);
  const how = h("select", { id: "filter-how", "aria-label": texts.say("filter.how"), onchange: changed },
    h("option", { value: "any" }, texts.say("filter.any")), h("option", { value: "all" }, texts.say("filter.all")));
  const bulk = h("input", { type: "checkbox", id: "filter-bulk", onchange: changed });
  const preview = h("div.preview", { id: "filter-preview", "aria-live": "polite" });
  const foreignFilter = h("p.hint-card", { hidden: true, "data-tone": "info" }, texts.say("filter.foreign"));
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), save()) },
    foreignFilter,
    h("fieldset.rows", {}, h("legend", {}, texts.say("filter.only")), h("p.hint", {}, texts.say("filter.only.note")), how, only.node),
    h("fieldset.rows", {}, h("legend", {}, texts.say("filter.never")), never.node),
    h("label.check", { for: bulk.id }, bulk, h("span", {}, texts.say("filter.bulk"))),
    h("div.actions.tight", {},
      h("button.primary", { type: "submit", id: "filter-save" }, texts.say("save")),
      h("button", { type: "button", id: "filter-clear", onclick: () => change({ filter: null }) }, texts.say("filter.clear"))));
  const node = h("details.card", { id: "filter" },
    h("summary", {}, h("h2", {}, texts.say("filter.title")), told), form, failed,
    h("h3", {}, texts.say("filter.preview")), preview);
  node.addEventListener("toggle", () => node.open && tryIt());

  const read = () => ({ how: how.value, only: only.read(), never: never.read(), bulk: !bulk.checked });
  const save = () => change({ filter: toFilter(read()) });
  let settled = null;
  let turn = 0;

  function changed() {
    how.hidden = only.read().length < 2;
    clearTimeout(settled);
    settled = setTimeout(tryIt, SETTLED_MS);
  }

  async function tryIt() {
    const mine = (turn += 1);
    preview.setAttribute("aria-busy", "true");
    let shown;
    try {
      const { mailbox, results } = await api.tryFilter(current(), toFilter(read()), TRIED);
      shown = results.length ? [h("ul", {}, results.map((one) => result(texts, one, asker(mailbox, one.uid))))] : [h("p.note", {}, texts.say("filter.preview.none"))];
    } catch (error) {
      shown = [problemCard(texts, asProblem(error))];
    }
    if (mine !== turn) return;
    preview.removeAttribute("aria-busy");
    preview.replaceChildren(...shown);
  }

  let filled; // what the fields hold
  return {
    node,
    refresh({ view }) {
      const filter = view?.filter ?? null;
      told.textContent = texts.say(filter ? "filter.some" : "filter.everything");
      if (JSON.stringify(filter) === filled) return;
      filled = JSON.stringify(filter);
      const known = fromFilter(filter);
      foreignFilter.hidden = known !== null;
      const { how: wanted, only: rows, never: nots, bulk: rings } = known ?? EMPTY;
      how.value = wanted;
      only.fill(rows);
      never.fill(nots);
      bulk.checked = !rings;
      how.hidden = rows.length < 2;
      if (node.open) tryIt();
    },
  };
}

// Rows of "field, words, remove", and a button for one more.
function rowList(texts, name, changed) {
  const list = h("div.row-list", {});
  const add = h("button", { type: "button", id: `filter-${name}-add`, onclick: () => {
    list.append(row({ field: "from", value: "" }));
    list.lastChild.querySelector("input").focus();
    changed();
  } }, texts.say(`filter.${name}.add`));

  function row({ field, value }) {
    const select = h("select", { "aria-label": texts.say("filter.field") }, FIELDS.map((one) => h("option", { value: one }, texts.say(`filter.field.${one}`))));
    select.value = field;
    const input = h("input", { value, "aria-label": texts.say("filter.words"), oninput: changed, dir: "auto", maxlength: 200 });
    const remove = h("button.remove", { type: "button", "aria-label": texts.say("filter.remove"), title: texts.say("filter.remove"), onclick: () => {
      made.remove();
      changed();
      add.focus();
    } }, "×");
    input.hidden = !takesWords(field);
    select.addEventListener("change", () => {
      input.hidden = !takesWords(select.value);
      changed();
    });
    const made = Object.assign(h("div.filter-row", {}, select, input, remove), { read: () => ({ field: select.value, value: input.value }) });
    return made;
  }

  return {
    node: h("div.row-box", {}, list, add),
    fill: (rows) => list.replaceChildren(...rows.map(row)),
    read: () => [...list.children].map((one) => one.read()),
  };
}

function result(texts, one, why) {
  const words = [one.from, one.subject].filter((word) => typeof word === "string" && word);
  const because = (Array.isArray(one.because) ? one.because : []).join("; ");
  return h("li.result", { "data-rings": one.rings ? "yes" : "no" },
    h("span.rings", {}, texts.say(one.rings ? "filter.rings" : "filter.silent")),
    h("span.result-mail", {}, words.length ? words.map((word) => foreign(word, "span")) : `UID ${one.uid}`),
    because ? h("span.note", { dir: "auto" }, because) : null, why);
}
