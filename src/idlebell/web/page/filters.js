// Which mail rings, and which rings even in quiet hours: filters made by a form or written as a script, tried on the latest
// messages meanwhile.

import { foreign, h } from "./dom.js";
import { whyAsker } from "./bells.js";
import { changer } from "./controls.js";
import { asProblem, problemCard } from "./problems.js";
import { offers } from "./capabilities.js";
import { isScript, scriptField } from "./script.js";
import { EMPTY, FIELDS, fromFilter, takesWords, toFilter } from "./filter_form.js";
import "../common/api.js";

const { api } = self.idlebell;
const SETTLED_MS = 600; // after the last key: each trial is a look into the mailbox
const TRIED = 20;

// What rings, whether newsletters do, and what never does.
export const filterSection = (context, current) => ruleSection(context, current, "filter", ["never", "bulk", "script"]);

// Who rings even when others are held back.
export const vipSection = (context, current) => ruleSection(context, current, "vip", []);

// `name`: the subscription's member, the first part of its texts and ids. `parts`: what its form has beside the conditions.
async function ruleSection(context, current, name, parts) {
  if (!(await offers("/filters/test"))) return null;
  const { texts } = context;
  const { failed, change } = changer(context, current, (error) => scripted && script.tell(error));
  const asker = await whyAsker(context, current);
  const told = h("span.note", {});
  const only = rowList(texts, `${name}-only`, texts.say(`${name}.only.add`), changed);
  const never = rowList(texts, `${name}-never`, texts.say("filter.never.add"), changed);
  const how = h("select", { id: `${name}-how`, "aria-label": texts.say("filter.how"), onchange: changed },
    h("option", { value: "any" }, texts.say("filter.any")), h("option", { value: "all" }, texts.say("filter.all")));
  const bulk = h("input", { type: "checkbox", id: `${name}-bulk`, onchange: changed });
  const preview = h("div.preview", { id: `${name}-preview`, "aria-live": "polite" });
  const foreignFilter = h("p.hint-card", { hidden: true, "data-tone": "info" }, texts.say("filter.foreign"));
  const script = scriptField(texts, `${name}-script`, changed);
  let scripted = false; // is the filter written as a script?
  const swap = parts.includes("script") ? h("button.link", { type: "button", id: `${name}-swap`, onclick: () => {
    show(!scripted);
    changed();
  } }) : null;
  const fields = h("div.stack", {},
    foreignFilter,
    h("fieldset.rows", {}, h("legend", {}, texts.say(`${name}.only`)), h("p.hint", {}, texts.say(`${name}.only.note`)), how, only.node),
    parts.includes("never") ? h("fieldset.rows", {}, h("legend", {}, texts.say("filter.never")), never.node) : null,
    parts.includes("bulk") ? h("label.check", { for: bulk.id }, bulk, h("span", {}, texts.say("filter.bulk"))) : null);
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), save()) },
    fields, script.node, swap,
    h("div.actions.tight", {},
      h("button.primary", { type: "submit", id: `${name}-save` }, texts.say("save")),
      h("button", { type: "button", id: `${name}-clear`, onclick: () => change({ [name]: null }) }, texts.say(`${name}.clear`))));
  const node = h("details.card", { id: name },
    h("summary", {}, h("h2", {}, texts.say(`${name}.title`)), told), form, failed,
    h("h3", {}, texts.say(`${name}.preview`)), preview);
  node.addEventListener("toggle", () => node.open && tryIt());

  const read = () => ({ how: how.value, only: only.read(), never: never.read(), bulk: !bulk.checked });
  const ruled = () => (scripted ? script.read() : toFilter(read()));
  const save = () => change({ [name]: ruled() });

  function show(asScript) {
    scripted = asScript;
    fields.hidden = scripted;
    script.node.hidden = !scripted;
    swap?.replaceChildren(texts.say(scripted ? "script.to-form" : "script.to-script"));
  }
  show(false);
  let settled = null;
  let turn = 0;

  function changed() {
    how.hidden = only.read().length < 2;
    clearTimeout(settled);
    settled = setTimeout(tryIt, SETTLED_MS);
  }

  async function tried(rule) {
    const { mailbox, results } = await api.tryFilter(current(), rule, TRIED);
    if (!results.length) return [h("p.note", {}, texts.say("filter.preview.none"))];
    return [h("ul", {}, results.map((one) => result(texts, name, one, asker(mailbox, one.uid))))];
  }

  // A rule that has what this form has no fields for is a stranger to it.
  const ofThisForm = (form) =>
    form && (parts.includes("never") || !form.never.length) && (parts.includes("bulk") || form.bulk) ? form : null;

  async function tryIt() {
    const mine = (turn += 1);
    preview.setAttribute("aria-busy", "true");
    let shown;
    try {
      const rule = ruled();
      // No VIP is nobody, where no filter is everybody: then there is nothing to try.
      if (rule === null && name === "vip") shown = [h("p.note", {}, texts.say("vip.nobody"))];
      else shown = await tried(rule);
      if (mine === turn) script.clear();
    } catch (error) {
      if (mine !== turn) return;
      shown = scripted && script.tell(error) ? [] : [problemCard(texts, asProblem(error))];
    }
    if (mine !== turn) return;
    preview.removeAttribute("aria-busy");
    preview.replaceChildren(...shown);
  }

  let filled; // what the fields hold
  return {
    node,
    refresh({ view }) {
      const filter = view?.[name] ?? null;
      told.textContent = texts.say(filter ? `${name}.some` : `${name}.everything`);
      if (JSON.stringify(filter) === filled) return;
      filled = JSON.stringify(filter);
      const known = isScript(filter) && swap ? EMPTY : ofThisForm(fromFilter(filter));
      show(Boolean(swap) && isScript(filter));
      if (scripted) script.fill(filter.sieve);
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
function rowList(texts, name, more, changed) {
  const list = h("div.row-list", {});
  const add = h("button", { type: "button", id: `${name}-add`, onclick: () => {
    list.append(row({ field: "from", value: "" }));
    list.lastChild.querySelector("input").focus();
    changed();
  } }, more);

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

function result(texts, name, one, why) {
  const words = [one.from, one.subject].filter((word) => typeof word === "string" && word);
  const because = (Array.isArray(one.because) ? one.because : []).join("; ");
  return h("li.result", { "data-rings": one.rings ? "yes" : "no" },
    h("span.rings", {}, texts.say(one.rings ? `${name}.rings` : `${name}.silent`)),
    h("span.result-mail", {}, words.length ? words.map((word) => foreign(word, "span")) : `UID ${one.uid}`),
    because ? h("span.note", { dir: "auto", lang: "en" }, because) : null, why);
}
