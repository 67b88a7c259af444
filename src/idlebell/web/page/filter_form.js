// A filter as a form has it, and as the API has it (JMAP's FilterOperator and FilterCondition). Pure.
// The form: {how: "any" | "all", only: [{field, value}], never: [{field, value}], bulk: bool}. `bulk`: may newsletters ring?

export const FIELDS = ["from", "to", "subject", "listId", "text", "inMailbox", "hasAttachment"];
const FLAGS = new Set(["hasAttachment"]); // fields that take no words
export const takesWords = (field) => !FLAGS.has(field);
export const EMPTY = Object.freeze({ how: "any", only: [], never: [], bulk: true });

const condition = ({ field, value }) => ({ [field]: takesWords(field) ? value.trim() : true });
const useful = (rows) => rows.filter(({ field, value }) => !takesWords(field) || value.trim());

// null where everything rings.
export function toFilter(form) {
  const only = useful(form.only).map(condition);
  const never = useful(form.never).map(condition);
  const parts = [];
  if (only.length) parts.push(only.length === 1 ? only[0] : { operator: form.how === "all" ? "AND" : "OR", conditions: only });
  if (never.length) parts.push({ operator: "NOT", conditions: never });
  if (!form.bulk) parts.push({ isBulk: false });
  if (!parts.length) return null;
  return parts.length === 1 ? parts[0] : { operator: "AND", conditions: parts };
}

function row(one) {
  const entries = Object.entries(one ?? {});
  if (entries.length !== 1) return null;
  const [[field, value]] = entries;
  if (!FIELDS.includes(field) || (takesWords(field) ? typeof value !== "string" : value !== true)) return null;
  return { field, value: takesWords(field) ? value : "" };
}

function rows(conditions) {
  const found = Array.isArray(conditions) ? conditions.map(row) : [null];
  return found.includes(null) ? null : found;
}

// The form that makes this filter; null: it says more than the form can.
export function fromFilter(filter) {
  if (filter === null || filter === undefined) return { ...EMPTY };
  const candidates = filter.operator === "AND" ? [filter.conditions, [filter]] : [[filter]];
  for (const parts of candidates) {
    const form = fromParts(parts);
    if (form && sameJson(toFilter(form), filter)) return form;
  }
  return null;
}

function fromParts(parts) {
  const form = { ...EMPTY };
  for (const part of Array.isArray(parts) ? parts : []) {
    if (part?.operator === "NOT") form.never = rows(part.conditions);
    else if (part?.operator) Object.assign(form, { only: rows(part.conditions), how: part.operator === "AND" ? "all" : "any" });
    else if (part && "isBulk" in part) form.bulk = part.isBulk !== false;
    else form.only = rows([part]);
    if (!form.only || !form.never) return null;
  }
  return form;
}

// The gateway may give members back in another order.
function sameJson(one, other) {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}
