// Draws /openapi.json. Text is only ever set as text, never as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];
const MAX_DEPTH = 8;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Descriptions mark what is code by backticks, as CommonMark does.
function prose(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function resolve(description, item) {
  if (!item || !item.$ref) return item;
  return item.$ref.replace("#/", "").split("/").reduce((part, step) => part && part[step], description) ?? {};
}

function typeName(description, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => typeName(description, choice)).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => typeName(description, part)).filter((name) => name !== "any").join(" & ");
  if (schema.type === "array") return `list of ${schema.items ? typeName(description, schema.items) : "any"}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type ?? "any";
}

// Schemas with members that stand somewhere within a schema.
function structures(description, schema) {
  const found = resolve(description, schema);
  if (!found) return [];
  if (found.properties) return [[schema.$ref ? typeName(description, schema) : null, found]];
  const inner = found.anyOf ?? found.oneOf ?? found.allOf ?? (found.items ? [found.items] : []);
  return inner.flatMap((part) => structures(description, part));
}

function members(description, schema, depth = 0) {
  const lists = structures(description, schema).map(([name, found]) => {
    const required = new Set(found.required ?? []);
    const rows = Object.entries(found.properties).map(([key, value]) => {
      const head = element("span", {}, element("code", {}, key), " ", element("span", { class: "type" }, typeName(description, value)));
      if (required.has(key)) head.append(" ", element("span", { class: "note" }, "required"));
      if (value.default !== undefined && value.default !== null) {
        head.append(" ", element("span", { class: "note" }, `default ${JSON.stringify(value.default)}`));
      }
      const text = value.description ? element("div", { class: "note" }, ...prose(value.description)) : null;
      const deeper = depth < MAX_DEPTH && structures(description, value).length > 0;
      if (!deeper) return element("li", {}, head, text);
      const opened = element("details", {}, element("summary", {}, head));
      opened.addEventListener("toggle", () => {
        if (opened.open && !opened.dataset.drawn) {
          opened.dataset.drawn = "yes";
          opened.append(members(description, value, depth + 1));
        }
      });
      return element("li", {}, opened, text);
    });
    return element("div", {}, name ? element("div", { class: "note" }, name) : null, element("ul", { class: "members" }, ...rows));
  });
  return element("div", {}, ...lists);
}

function answers(description, call) {
  return Object.entries(call.responses).map(([status, answer]) => {
    const content = Object.entries(answer.content ?? {});
    const lines = answer.description.split("\n\n");
    const short = lines.length > 1 ? `${lines.length} problems` : lines[0];
    const box = element("details", {}, element("summary", {}, element("span", { class: "status" }, status), " ", ...prose(short)));
    if (lines.length > 1) box.append(element("p", { class: "said" }, ...prose(answer.description)));
    for (const name of Object.keys(answer.headers ?? {})) box.append(element("div", { class: "note" }, `header ${name}`));
    for (const [type, body] of content) box.append(element("div", { class: "note" }, type), members(description, body.schema));
    return box;
  });
}

function drawn(description, path, method, call) {
  const id = `call-${call.operationId}`;
  const section = element("section", { class: "call", id, "aria-labelledby": `${id}-name` });
  section.append(
    element("h3", { id: `${id}-name` }, element("span", { class: `method ${method}` }, method.toUpperCase()), element("span", { class: "path" }, path)),
    element("p", {}, ...prose(call.summary + (call.description ? `. ${call.description}` : ""))),
  );
  const schemes = (call.security ?? []).flatMap((need) => Object.keys(need).length ? Object.keys(need) : ["nothing"]);
  section.append(element("p", { class: "note" }, `Authorization: ${schemes.join(" or ")}`));
  const parameters = (call.parameters ?? []).map((item) => resolve(description, item));
  if (parameters.length) {
    const rows = parameters.map((item) => element("li", {}, element("code", {}, item.name), " ",
      element("span", { class: "type" }, `${typeName(description, item.schema)}, ${item.in}`), " ", ...prose(item.description ?? "")));
    section.append(element("h4", {}, "Parameters"), element("ul", { class: "members" }, ...rows));
  }
  if (call.requestBody) {
    const content = Object.entries(call.requestBody.content);
    section.append(element("h4", {}, `Body (${content.map(([type]) => type).join(" or ")})`), members(description, content[0][1].schema));
  }
  section.append(element("h4", {}, "Answers"), ...answers(description, call));
  return section;
}

function draw(description) {
  document.getElementById("version").textContent = description.info.version;
  document.getElementById("about").replaceChildren(...prose(description.info.description));
  const groups = new Map();
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = item[method].tags?.[0] ?? "Other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([path, method, item[method]]);
    }
  }
  for (const [tag, calls] of groups) {
    const list = element("ul");
    document.getElementById("index").append(element("div", {}, element("h2", {}, tag), list));
    const part = element("div", {}, element("h2", {}, tag));
    document.getElementById("calls").append(part);
    for (const [path, method, call] of calls) {
      const link = element("a", { href: `#call-${call.operationId}` },
        element("span", { class: `method ${method}` }, method.toUpperCase()), element("span", {}, call.summary));
      const words = `${method} ${path} ${call.summary} ${call.description ?? ""}`.toLowerCase();
      list.append(element("li", { "data-words": words }, link));
      const section = drawn(description, path, method, call);
      section.dataset.words = words;
      part.append(section);
    }
  }
}

function find(text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll("[data-words]")) {
    item.hidden = !wanted.every((word) => item.dataset.words.includes(word));
  }
  for (const group of document.querySelectorAll("#index > div, #calls > div")) {
    group.hidden = !group.querySelector("[data-words]:not([hidden])");
  }
}

const search = document.getElementById("search");
search.addEventListener("input", () => find(search.value));
document.addEventListener("keydown", (event) => {
  const writing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && writing) {
    search.value = "";
    find("");
  }
});

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  draw(await answer.json());
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  document.getElementById("about").textContent = `The description could not be loaded (${error.message}). Reload the page to try again.`;
}
