// Every word that is shown, in the reader's language, from one file a language under /web/texts.
// This and its neighbours are scripts that leave their names in `self.idlebell`: pages import them, and the worker, which
// takes no modules in Firefox before 147, loads them by importScripts.
"use strict";

{
  const LANGUAGES = ["en", "de"];
  const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];
  const FSI = "\u2068";
  const PDI = "\u2069";

  // The first of the reader's languages that there is a file of; English where there is none.
  function chosenLanguage(wanted) {
    for (const tag of wanted) {
      const language = String(tag).toLowerCase().split("-")[0];
      if (LANGUAGES.includes(language)) return language;
    }
    return "en";
  }

  // A value inside a sentence keeps its own direction (Unicode UAX #9 section 2.4.2): an Arabic subject turns no German sentence.
  const isolated = (text) => `${FSI}${text}${PDI}`;

  class Texts {
    constructor(language, words) {
      this.language = language;
      this.direction = RIGHT_TO_LEFT.includes(language) ? "rtl" : "ltr";
      this.words = words;
      this.plural = new Intl.PluralRules(language);
      this.number = new Intl.NumberFormat(language);
      this.relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
    }

    has(key) {
      return Object.hasOwn(this.words, key);
    }

    // `{name}` stands for a value; a text of forms (one, other) is chosen by the value `count`. What is missing shows its key.
    say(key, values = {}) {
      let text = this.has(key) ? this.words[key] : key;
      if (typeof text === "object") text = text[this.plural.select(values.count ?? 0)] ?? text.other;
      return text.replace(/\{(\w+)\}/g, (whole, name) => {
        if (!Object.hasOwn(values, name)) return whole;
        const value = values[name];
        return typeof value === "number" ? this.number.format(value) : isolated(String(value));
      });
    }

    // "20 seconds ago", "in 3 minutes".
    ago(milliseconds) {
      const seconds = Math.round(-milliseconds / 1000);
      const size = Math.abs(seconds);
      for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
        if (size >= length) return this.relative.format(Math.trunc(seconds / length), unit);
      }
      return this.relative.format(seconds, "second");
    }

    clock(moment) {
      const today = new Date().toDateString() === moment.toDateString();
      const day = today ? {} : { weekday: "short", day: "numeric", month: "short" };
      return new Intl.DateTimeFormat(this.language, { ...day, hour: "2-digit", minute: "2-digit" }).format(moment);
    }

    date(moment) {
      return new Intl.DateTimeFormat(this.language, { day: "numeric", month: "long", year: "numeric" }).format(moment);
    }

    // A duration as one reads it: "340 ms", "1.2 s".
    duration(milliseconds) {
      const size = Math.max(0, milliseconds);
      const [value, unit, digits] = size < 1000 ? [size, "millisecond", 0] : size < 90_000 ? [size / 1000, "second", 1]
        : [size / 60_000, "minute", 0];
      const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits };
      return new Intl.NumberFormat(this.language, style).format(value);
    }

    minutes(count) {
      const [value, unit] = count % 60 ? [count, "minute"] : [count / 60, "hour"];
      return new Intl.NumberFormat(this.language, { style: "unit", unit, unitDisplay: "long" }).format(value);
    }

    bytes(size) {
      const [value, unit] = size < 1000 ? [size, "byte"] : size < 1e6 ? [size / 1000, "kilobyte"] : [size / 1e6, "megabyte"];
      const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 && size >= 1000 ? 1 : 0 };
      return new Intl.NumberFormat(this.language, style).format(value);
    }
  }

  async function loadTexts(wanted) {
    const language = chosenLanguage(wanted);
    const answer = await fetch(`/web/texts/${language}.json`, { credentials: "omit" });
    if (!answer.ok) throw new Error(`texts: status ${answer.status}`);
    return new Texts(language, await answer.json());
  }

  self.idlebell = { ...self.idlebell, LANGUAGES, Texts, chosenLanguage, isolated, loadTexts };
}
