// What became of the latest bells, and why a message rang or did not, in the gateway's own words.

import { foreign, h } from "./dom.js";
import { offers } from "./capabilities.js";
import { foldedCard } from "./folded.js";
import { asProblem, problemCard } from "./problems.js";
import "../common/api.js";

const { api } = self.idlebell;
const SHOWN = 8;
const OUTCOMES = new Set(["accepted", "retry", "refused", "gone", "expired", "silenced", "merged", "unverified", "passed-on", "coalesced"]);
const TYPES = new Set(["new_mail", "reminder", "seen", "reconnect", "expiring", "verification", "test", "heartbeat"]);

export function outcomeText(texts, outcome) {
  return texts.say(OUTCOMES.has(outcome) ? `bells.outcome.${outcome}` : "bells.outcome.other", { outcome });
}

// "new mail: taken by push.example.org in 80 ms". `one`: an item of GET …/deliveries. `detail`: the gateway's own sentence.
export function bellText(texts, one) {
  const type = texts.say(TYPES.has(one.type) ? `bells.type.${one.type}` : "bells.type.other");
  const taken = Number.isFinite(one.took_ms) ? texts.say("bells.took", { duration: texts.duration(one.took_ms) }) : null;
  const status = Number.isFinite(one.status) ? texts.say("bells.status", { host: one.host ?? "–", status: String(one.status) }) : null;
  return { head: `${type}: ${outcomeText(texts, one.outcome)}`, more: [status, taken].filter(Boolean).join(", "), detail: one.detail || "" };
}

export async function bellsSection(context, current) {
  if (!(await offers("/deliveries"))) return null;
  const { texts } = context;
  const list = h("ul.bells", { id: "bells-list" });
  const none = h("p.note", { hidden: true }, texts.say("bells.none"));
  return foldedCard(texts, "bells", texts.say("bells.title"), [none, list], async () => {
    const { items } = await api.deliveries(current());
    none.hidden = items.length > 0;
    list.replaceChildren(...items.slice(0, SHOWN).map((one) => bell(texts, one)));
  });
}

function bell(texts, one) {
  const { head, more, detail } = bellText(texts, one);
  const notes = [more ? h("span.note", {}, more) : null, detail ? h("span.note", { lang: "en" }, detail) : null];
  return h("li.result", { "data-outcome": one.outcome }, h("span.note", {}, texts.clock(new Date(one.at))), h("span", {}, head), ...notes);
}

// The gateway speaks English, and says more in it than its code: in another language the code's sentence, and what decided it
// as it was said.
export function whyText(texts, { outcome, answer, messages }) {
  const key = `why.${outcome}`;
  if (texts.language === "en" || !texts.has(key)) return { said: answer, english: true, because: "" };
  const fate = messages?.find((one) => one.outcome === outcome);
  return { said: texts.say(key), english: false, because: (fate?.because ?? []).join("; ") };
}

function whyParts(texts, told) {
  const { said, english, because } = whyText(texts, told);
  const speaks = (text) => Object.assign(foreign(text, "span"), { lang: "en" });
  return [english ? speaks(said) : said, ...(because ? [" ", speaks(`(${because})`)] : [])];
}

// A button that asks about one message and gives way to the answer; null where the gateway does not tell.
export async function whyAsker(context, current) {
  if (!(await offers("/why"))) return () => null;
  const { texts } = context;
  return (mailbox, uid) => {
    const said = h("span.note.why", { role: "status" });
    const button = h("button.link", { type: "button", onclick: async () => {
      button.disabled = true;
      try {
        said.replaceChildren(...whyParts(texts, await api.why(current(), mailbox, uid)));
        button.hidden = true;
      } catch (error) {
        said.replaceChildren(problemCard(texts, asProblem(error)));
      } finally {
        button.disabled = false;
      }
    } }, texts.say("why.ask"));
    return h("span.why-box", {}, button, said);
  };
}
