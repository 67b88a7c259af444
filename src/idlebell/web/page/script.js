// A filter written as a Sieve script: a plain text area, and what the gateway says of a line is shown with that line.

import { field, foreign, h } from "./dom.js";
import { asProblem } from "./problems.js";

export const isScript = (filter) => typeof filter?.sieve === "string";

// "line 4: fileinto belongs to …" as {line: 4, detail: "fileinto belongs to …", code: what stands in line 4}, for each fault of
// the script; null where the problem is another.
export function scriptFaults(problem, text) {
  const own = (problem?.errors ?? []).filter((one) => one.pointer.endsWith("/sieve"));
  if (!own.length) return null;
  const lines = text.split(/\r\n|\r|\n/);
  return own.map(({ detail }) => {
    const [, line, rest] = /^line (\d+): (.*)$/s.exec(detail) ?? [null, null, detail];
    return { line: line && Number(line), detail: rest, code: line ? (lines[line - 1] ?? "").trim() : "" };
  });
}

// Where line `number` (from 1) begins and ends in `text`.
export function lineSpan(text, number) {
  const starts = [0, ...[...text.matchAll(/\n/g)].map((found) => found.index + 1)];
  const begin = starts[Math.min(number, starts.length) - 1];
  const end = text.indexOf("\n", begin);
  return [begin, end < 0 ? text.length : end];
}

export function scriptField(texts, id, changed) {
  const area = h("textarea.code", {
    id, rows: 8, dir: "ltr", spellcheck: "false", autocapitalize: "none", autocomplete: "off", wrap: "off", "aria-describedby": `${id}-hint ${id}-faults`,
    placeholder: 'require "fileinto";\nif not address :is "from" "boss@example.org" {\n  discard;\n}', oninput: () => (clear(), changed()),
  });
  const list = h("ul", {});
  const faults = h("div.script-faults", { id: `${id}-faults`, role: "alert", hidden: true }, list);

  function clear() {
    faults.hidden = true;
    list.replaceChildren();
    area.removeAttribute("aria-invalid");
  }

  function line(one) {
    const go = () => {
      area.focus();
      area.setSelectionRange(...lineSpan(area.value, one.line));
    };
    return h("li", {},
      one.line ? h("button.link", { type: "button", onclick: go }, texts.say("script.line", { line: one.line })) : null,
      one.code ? h("code", { dir: "ltr" }, one.code.slice(0, 200)) : null,
      Object.assign(foreign(one.detail, "span"), { lang: "en" }));
  }

  return {
    node: h("div.script", { hidden: true }, field(texts.say("script.label"), area, texts.say("script.note")), faults),
    read: () => (area.value.trim() ? { sieve: area.value } : null),
    fill(text) {
      area.value = text;
      clear();
    },
    // Whether the problem was of the script, and is told now.
    tell(error) {
      const found = scriptFaults(asProblem(error), area.value);
      if (!found) return false;
      list.replaceChildren(...found.map(line));
      faults.hidden = false;
      area.setAttribute("aria-invalid", "true");
      return true;
    },
    clear,
  };
}
