// Makes elements. Text becomes a text node, always: nothing that somebody wrote is ever read as HTML.

// h("p.note", {id: "x", onclick: f}, "text", child, null)
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

// Marks that turn text around (UAX #9 section 2): "exe.gpj" would look like a picture.
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

// Words of a stranger (an address, a mailbox, a mail): with a direction of their own, turning nothing around them.
export const foreign = (text, name = "bdi") => h(name, { dir: "auto" }, String(text).replace(TURNING, ""));

// A link that leaves this origin tells the other side nothing and gives it no hold on this page.
export function outward(href, ...children) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

let serial = 0;

// A label and its field; `note` is read out with it.
export function field(label, input, note = null) {
  input.id ||= `field-${(serial += 1)}`;
  const hint = note ? h("p.hint", { id: `${input.id}-hint` }, note) : null;
  if (hint) input.setAttribute("aria-describedby", hint.id);
  return h("div.field", {}, h("label", { for: input.id }, label), input, hint);
}

// One of several, each with a sentence of its own.
export function choices(legend, name, options, chosen) {
  return h("fieldset.choices", {}, h("legend", {}, legend), options.map(({ value, label, note }) => {
    const id = `${name}-${value}`;
    return h("label.choice", { for: id },
      h("input", { type: "radio", name, id, value, checked: value === chosen, "aria-describedby": note ? `${id}-note` : null }),
      h("span", {}, h("span.choice-label", {}, label), note ? h("span.hint", { id: `${id}-note` }, note) : null));
  }));
}

export const chosen = (form, name) => form.querySelector(`input[name="${name}"]:checked`)?.value ?? null;
