// How an account stands, in one word, one tone and one sentence.

const TONES = {
  connecting: "busy",
  watching: "good",
  reconnecting: "busy",
  needs_credentials: "bad",
  rejected: "bad",
  paused: "off",
  expired: "bad",
  ended: "bad",
  gone: "bad",
};

// A gateway that has not answered for so long is said to be silent.
const SILENT_MS = 90_000;

export function stateOf(record) {
  return record.gone ? "gone" : record.view?.state ?? "connecting";
}

export const needsSignIn = (record) => ["needs_credentials", "rejected", "expired", "ended", "gone"].includes(stateOf(record));

// The gateway has it no more: it is registered anew.
export const needsNewRecord = (record) => ["gone", "expired", "ended"].includes(stateOf(record));

export function isMuted(view, now = Date.now()) {
  return Boolean(view?.muted_until) && Date.parse(view.muted_until) > now;
}

export function stateLine(texts, record, now = Date.now()) {
  const state = stateOf(record);
  const view = record.view ?? {};
  if (state !== "gone" && now - (record.viewed_at ?? 0) > SILENT_MS) {
    return { tone: "off", word: texts.say("state.silent"), detail: texts.say("state.silent.detail") };
  }
  if (state === "watching" && isMuted(view, now)) {
    const until = texts.clock(new Date(view.muted_until));
    return { tone: "off", word: texts.say("state.muted"), detail: texts.say("state.muted.detail", { until }) };
  }
  const word = texts.say(`state.${state}`);
  if (state === "watching" && view.last_seen_alive_at) {
    const ago = texts.ago(Math.max(0, now - Date.parse(view.last_seen_alive_at)));
    return { tone: TONES.watching, word, detail: texts.say("state.watching.detail", { ago }) };
  }
  return { tone: TONES[state] ?? "off", word, detail: texts.say(`state.${state}.detail`) };
}
