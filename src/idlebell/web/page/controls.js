// What can be set of an account: silence, quiet hours, how much a card says, where a tap leads.

import { choices, chosen, field, foreign, h } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";
import { isMuted } from "./state.js";
import "../common/records.js";
import "../common/upkeep.js";
import "../common/webmail.js";

const { records, upkeep, webmail } = self.idlebell;
const MORNING_HOUR = 8;
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

// A part of the page that changes one thing: what went wrong is told where it was done, unless `told` has told it already.
export function changer(context, current, told = () => false) {
  const failed = h("div.failed", {});
  async function attempt(act, sentence) {
    failed.replaceChildren();
    try {
      await act();
      context.say(sentence ?? context.texts.say("saved"));
      await context.refreshNow();
      return true;
    } catch (error) {
      if (!told(error)) failed.replaceChildren(problemCard(context.texts, asProblem(error)));
      return false;
    }
  }
  const change = (patch, sentence) => attempt(() => upkeep.change(current(), patch), sentence);
  return { failed, attempt, change };
}

export const inAnHour = (now) => new Date(now.getTime() + 3_600_000);

export function tomorrow(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_HOUR);
}

export function muteSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const said = h("p", {});
  const button = (id, text, until) => h("button", { type: "button", id, onclick: () => {
    const at = until?.(new Date()) ?? null;
    change({ muted_until: at && at.toISOString().replace(/\.\d+Z$/, "Z") }, at ? texts.say("mute.done", { until: texts.clock(at) }) : texts.say("mute.undone"));
  } }, text);
  const silence = [button("mute-hour", texts.say("mute.hour"), inAnHour), button("mute-tomorrow", texts.say("mute.tomorrow"), tomorrow)];
  const sound = button("unmute", texts.say("mute.undo"), null);
  const node = h("section.card", {}, h("h2", {}, texts.say("mute.title")), said, h("div.actions.tight", {}, silence, sound), failed);
  return {
    node,
    refresh(record) {
      const muted = isMuted(record.view);
      said.textContent = muted ? texts.say("mute.until", { until: texts.clock(new Date(record.view.muted_until)) }) : texts.say("mute.about");
      for (const one of silence) one.hidden = muted;
      sound.hidden = !muted;
    },
  };
}

// "22:00 to 07:00, every day": what the closed section says.
export function quietText(texts, quiet) {
  if (!quiet) return texts.say("quiet.none");
  const days = quiet.days.length === DAYS.length ? texts.say("quiet.every-day") : quiet.days.map((day) => dayName(texts, day)).join(", ");
  return texts.say("quiet.told", { from: quiet.from, to: quiet.to, days });
}

// 2024-01-01 was a Monday.
const dayName = (texts, day, weekday = "short") =>
  new Intl.DateTimeFormat(texts.language, { weekday }).format(new Date(2024, 0, 1 + DAYS.indexOf(day), 12));

export function quietSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const told = h("span.note", {});
  const from = h("input", { type: "time", id: "quiet-from", required: true });
  const to = h("input", { type: "time", id: "quiet-to", required: true });
  const boxes = DAYS.map((day) => h("input", { type: "checkbox", id: `quiet-${day}`, value: day }));
  const then = choices(texts.say("quiet.then"), "quiet-then", ["count", "drop"].map((value) => ({ value, label: texts.say(`quiet.then.${value}`) })), "count");
  const off = h("button", { type: "button", id: "quiet-off", onclick: () => change({ quiet_hours: null }) }, texts.say("quiet.off"));
  const form = h("form", { onsubmit: save },
    h("div.row.even", {}, field(texts.say("quiet.from"), from), field(texts.say("quiet.to"), to)),
    h("fieldset.days", {}, h("legend", {}, texts.say("quiet.days")),
      boxes.map((box) => h("label.day", { for: box.id }, box, h("span", { title: dayName(texts, box.value, "long") }, dayName(texts, box.value))))),
    then, h("div.actions.tight", {}, h("button.primary", { type: "submit", id: "quiet-save" }, texts.say("save")), off));

  async function save(event) {
    event.preventDefault();
    const days = boxes.filter((box) => box.checked).map((box) => box.value);
    await change({
      quiet_hours: days.length ? {
        tz: Intl.DateTimeFormat().resolvedOptions().timeZone, days, from: from.value, to: to.value, then: chosen(form, "quiet-then"),
      } : null,
    });
  }

  let filled = null; // what the fields hold: they are not written over while somebody types
  const node = h("details.card", { id: "quiet-hours" },
    h("summary", {}, h("h2", {}, texts.say("quiet.title")), told), h("p.note", {}, texts.say("quiet.about")), form, failed);
  return {
    node,
    refresh({ view }) {
      const quiet = view?.quiet_hours ?? null;
      told.textContent = quietText(texts, quiet);
      off.hidden = !quiet;
      if (JSON.stringify(quiet) === filled) return;
      filled = JSON.stringify(quiet);
      from.value = quiet?.from ?? "22:00";
      to.value = quiet?.to ?? "07:00";
      for (const box of boxes) box.checked = (quiet?.days ?? DAYS).includes(box.value);
      const wanted = form.querySelector(`#quiet-then-${quiet?.then ?? "count"}`);
      if (wanted) wanted.checked = true;
    },
  };
}

// "At most one bell in …": what comes meanwhile is counted into the next.
const DIGESTS = [0, 5, 15, 60, 240];

export function digestSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const name = (minutes) => (minutes ? texts.minutes(minutes) : texts.say("digest.at-once"));
  const told = h("span.note", {});
  const select = h("select", { id: "digest", onchange: () => change({ digest_minutes: Number(select.value) || null }) });
  const node = h("details.card", { id: "how-often" }, h("summary", {}, h("h2", {}, texts.say("digest.title")), told),
    field(texts.say("digest.label"), select, texts.say("digest.note")), failed);
  return {
    node,
    refresh({ view }) {
      const minutes = view?.digest_minutes ?? 0;
      told.textContent = name(minutes);
      if (document.activeElement === select) return;
      select.replaceChildren(...[...new Set([...DIGESTS, minutes])].sort((a, b) => a - b).map((one) => h("option", { value: one }, name(one))));
      select.value = String(minutes);
    },
  };
}

// Mail that is still unread after a while rings once more.
const REMINDERS = [0, 600, 1800, 3600, 14400];

export function remindSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const name = (seconds) => (seconds ? texts.say("remind.after", { duration: texts.minutes(Math.round(seconds / 60)) }) : texts.say("remind.never"));
  const told = h("span.note", {});
  const select = h("select", { id: "remind", onchange: () => change({ remind_after: Number(select.value) || null }) });
  const node = h("details.card", { id: "reminder", hidden: true }, h("summary", {}, h("h2", {}, texts.say("remind.title")), told),
    field(texts.say("remind.label"), select, texts.say("remind.note")), failed);
  return {
    node,
    refresh({ view }) {
      node.hidden = view?.remind_after === undefined; // this gateway does not remind
      const seconds = view?.remind_after ?? 0;
      told.textContent = name(seconds);
      if (document.activeElement === select) return;
      select.replaceChildren(...[...new Set([...REMINDERS, seconds])].sort((a, b) => a - b).map((one) => h("option", { value: one }, name(one))));
      select.value = String(seconds);
    },
  };
}

// Mail that is read on another device needs no card here.
export function elsewhereSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const told = h("span.note", {});
  const box = h("input", { type: "checkbox", id: "withdraw", onchange: () => change({ withdraw: box.checked }) });
  const node = h("details.card", { id: "elsewhere" }, h("summary", {}, h("h2", {}, texts.say("elsewhere.title")), told),
    h("label.check", { for: box.id }, box, h("span", {}, texts.say("elsewhere.label"))), h("p.note", {}, texts.say("elsewhere.note")), failed);
  return {
    node,
    refresh({ view }) {
      box.checked = Boolean(view?.withdraw);
      told.textContent = texts.say(view?.withdraw ? "elsewhere.closes" : "elsewhere.stays");
    },
  };
}

// Senders and lists that ring no more: shown where there are any, each with a way back.
export function hushedSection(context, current) {
  const { texts } = context;
  const { failed, attempt } = changer(context, current);
  const list = h("ul.mailboxes", { id: "hushed" });
  const node = h("section.card", { hidden: true }, h("h2", {}, texts.say("hushed.title")), list, failed);
  let drawn = "[]";
  return {
    node,
    refresh({ view }) {
      const hushed = view?.hushed ?? [];
      node.hidden = !hushed.length;
      if (JSON.stringify(hushed) === drawn) return;
      drawn = JSON.stringify(hushed);
      list.replaceChildren(...hushed.map((one) => h("li", {}, foreign(one.sender ?? one.list_id, "span"),
        h("button.link", { type: "button", onclick: () => attempt(() => upkeep.unhush(current(), one), texts.say("hushed.undone")) }, texts.say("hushed.undo")))));
    },
  };
}

export function saysSection(context, current) {
  const { texts } = context;
  const { failed, change } = changer(context, current);
  const kinds = ["alert", "summary", "content"];
  const group = choices(texts.say("says.legend"), "says", kinds.map((value) => ({
    value, label: texts.say(`says.${value}`), note: texts.say(`says.${value}.note`),
  })), current().view?.payload ?? current().payload);
  const told = h("span.note", {});
  group.addEventListener("change", async () => {
    const payload = chosen(group, "says");
    if (await change({ payload })) await records.change(current().id, { payload });
  });
  const node = h("details.card", { id: "says" }, h("summary", {}, h("h2", {}, texts.say("says.title")), told), group, h("p.note", {}, texts.say("says.about")), failed);
  return {
    node,
    refresh: (record) => {
      told.textContent = texts.say(`says.${record.view?.payload ?? record.payload}`);
    },
  };
}

export function opensSection(context, current) {
  const { texts } = context;
  const input = h("input", {
    id: "opens", inputmode: "url", dir: "ltr", autocapitalize: "none", spellcheck: "false", value: current().opens ?? "",
    placeholder: webmail.known(current().username) ?? "https://mail.example.org/",
  });
  const failed = h("p.problem", { role: "alert", hidden: true }, texts.say("opens.wrong"));
  const form = h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      failed.hidden = !text || webmail.read(text) !== null;
      if (!failed.hidden) return;
      await records.change(current().id, { opens: text || null });
      context.say(texts.say("saved"));
    },
  }, field(texts.say("opens.label"), input, texts.say("opens.note")), failed, h("div.actions.tight", {}, h("button", { type: "submit" }, texts.say("save"))));
  const node = h("details.card", {}, h("summary", {}, h("h2", {}, texts.say("opens.title"))), form);
  return { node, refresh() {} };
}
