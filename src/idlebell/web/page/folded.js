// A card that asks the gateway when it is unfolded, and again while it is open; one request at a time.

import { h } from "./dom.js";
import { asProblem, problemCard } from "./problems.js";

// `content`: the elements that `fill` fills, with what it has asked for.
export function foldedCard(texts, id, title, content, fill) {
  const failed = h("div", {});
  const node = h("details.card", { id }, h("summary", {}, h("h2", {}, title)), content, failed);
  let asking = false;

  async function ask() {
    if (asking) return;
    asking = true;
    try {
      await fill();
      failed.replaceChildren();
    } catch (error) {
      failed.replaceChildren(problemCard(texts, asProblem(error)));
    } finally {
      asking = false;
    }
  }

  node.addEventListener("toggle", () => node.open && ask());
  return { node, refresh: () => node.open && ask() };
}
