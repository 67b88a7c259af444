// The latest delays as bars: from the gateway's notice of a mail to this browser's card.

import { h, svg } from "./dom.js";

const BARS = 30;
const WIDTH = 300;
const HEIGHT = 72;
const LEAST_MS = 250; // the top of the scale, at least: bars of a few milliseconds are no mountains

// Heights for what came, oldest first: pure, for the tests.
export function bars(delays) {
  const shown = delays.slice(-BARS).map((one) => ({ ...one, milliseconds: Math.max(0, one.milliseconds) }));
  const top = Math.max(LEAST_MS, ...shown.map((one) => one.milliseconds));
  const step = WIDTH / BARS;
  const empty = BARS - shown.length; // the latest stands at the end, as in every chart of time
  return shown.map((one, index) => {
    const height = Math.max(2, (one.milliseconds / top) * HEIGHT);
    return { ...one, x: (empty + index) * step + 1, y: HEIGHT - height, width: step - 2, height };
  });
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Of GET …/deliveries: what the gateway's part of the way took, from the mail server's word to the push service. null: unknown.
export function gatewayPart(items) {
  const taken = items.filter((one) => one.type === "new_mail" && one.outcome === "accepted").map((one) => one.since_ms);
  const known = taken.filter((one) => Number.isFinite(one) && one >= 0);
  return known.length ? median(known) : null;
}

// `gateway`: of gatewayPart.
export function delayChart(texts, delays, gateway = null) {
  if (!delays.length) return h("p.note", {}, texts.say("delays.none"));
  const shown = bars(delays);
  const sizes = shown.map((one) => one.milliseconds);
  const told = { count: shown.length, median: texts.duration(median(sizes)), most: texts.duration(Math.max(...sizes)) };
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": texts.say("delays.told", told), preserveAspectRatio: "none" });
  for (const one of shown) {
    const bar = svg("rect", { x: one.x, y: one.y, width: one.width, height: one.height, rx: 1.5 });
    bar.append(svg("title", {}));
    bar.firstChild.textContent = `${texts.clock(new Date(one.at))} · ${texts.duration(one.milliseconds)}`;
    drawn.append(bar);
  }
  return h("figure.delays", {}, drawn, h("figcaption", {}, texts.say("delays.told", told),
    gateway === null ? null : h("span.note", {}, texts.say("delays.gateway", { median: texts.duration(gateway) }))));
}
