// What went wrong, in words, with what to do next. The gateway's own sentences; its titles in the reader's language where there
// is a translation.

import { h, outward } from "./dom.js";
import "../common/texts.js";
import "../common/records.js";
import "../common/api.js";

const { Problem } = self.idlebell;

// Anything that was thrown, as a Problem.
export function asProblem(error) {
  if (error instanceof Problem) return error;
  if (error?.name === "NotAllowedError") return new Problem("permission-denied", 0);
  if (error?.name === "AbortError" || error?.name === "InvalidStateError") return new Problem("push-unavailable", 0);
  console.error(error);
  return new Problem("page-failed", 0, { detail: String(error?.message ?? error).slice(0, 200) });
}

function words(texts, problem, part) {
  const key = `problem.${problem.code}.${part}`;
  return texts.has(key) ? texts.say(key) : problem[part];
}

const detailsAreOurs = new Set(["no-answer", "unexpected-answer", "permission-denied", "push-unavailable", "link-not-valid"]);

// `actions`: buttons or links that are the next step.
export function problemCard(texts, error, actions = []) {
  const problem = asProblem(error);
  const title = words(texts, problem, "title") || texts.say("problem.unknown.title");
  const detail = detailsAreOurs.has(problem.code) ? words(texts, problem, "detail") : problem.detail;
  const mend = words(texts, problem, "mend");
  const errors = problem.errors.map((one) => h("li", {}, h("bdi", { dir: "auto", lang: "en" }, `${one.pointer} ${one.detail}`)));
  return h("div.problem", { role: "alert" },
    h("p.problem-title", {}, title),
    detail ? h("p", { dir: "auto", lang: detailsAreOurs.has(problem.code) ? null : "en" }, ...linked(detail)) : null,
    errors.length ? h("ul", {}, errors) : null,
    mend ? h("p", {}, mend) : null,
    problem.retryAfter ? h("p", {}, texts.say("problem.retry-after", { count: problem.retryAfter })) : null,
    actions.length ? h("div.actions", {}, actions) : null);
}

let table = null;

// What stands in a subscription's `problem` ({type, detail}), with the title and the mend that the gateway's table has for it.
export async function standing({ type, detail }) {
  table ??= fetch("/problems", { credentials: "omit", headers: { accept: "application/json" } })
    .then((answer) => answer.json()).then(({ items }) => items).catch(() => (table = null));
  const entry = (await table)?.find((one) => one.type === type);
  return new Problem(String(type).replace("/problems/", ""), 0, { ...entry, detail });
}

// https addresses in a sentence of the gateway's become links.
export function linked(sentence) {
  return sentence.split(/(https:\/\/[^\s<>"]+[^\s<>".,;:!?)])/).map((part, index) => (index % 2 ? outward(part, part) : part));
}
