// What was done with the mailbox, day by day: sign-ins, commands to the mail server, bells. Of GET …/ledger.

import { h } from "./dom.js";
import { offers } from "./capabilities.js";
import { foldedCard } from "./folded.js";
import "../common/api.js";

const { api } = self.idlebell;

const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0);

// `one`: of `days`. What was sent most comes first; a command's name is one of ours, not a stranger's.
export function dayText(texts, one) {
  const head = [
    texts.say("ledger.logins", { count: one.logins }),
    one.refused ? texts.say("ledger.refused", { count: one.refused }) : null,
    texts.say("ledger.commands", { count: sum(one.commands) }),
    texts.say("ledger.pushes", { count: sum(one.pushes) }),
  ].filter(Boolean).join(", ");
  const commands = Object.entries(one.commands ?? {}).sort(([, first], [, second]) => second - first);
  const more = commands.map(([name, count]) => `${name} ${texts.number.format(count)}`).join(" · ");
  return { head, more };
}

export async function ledgerSection(context, current) {
  if (!(await offers("/ledger"))) return null;
  const { texts } = context;
  const list = h("ul.bells", { id: "ledger-days" });
  return foldedCard(texts, "ledger", texts.say("ledger.title"), [h("p.note", {}, texts.say("ledger.about")), list], async () => {
    const { days } = await api.ledger(current());
    list.replaceChildren(...(days ?? []).map((one) => day(texts, one)));
  });
}

function day(texts, one) {
  const { head, more } = dayText(texts, one);
  // Noon of UTC is the same day nearly everywhere.
  const name = texts.date(new Date(`${one.day}T12:00:00Z`));
  return h("li.result", {}, h("span.note", {}, name), h("span", {}, head), more ? h("span.note", { dir: "ltr", translate: "no" }, more) : null);
}
