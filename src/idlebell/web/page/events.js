// What happens at the gateway, as it happens: server-sent events, read with fetch, for EventSource cannot send a token.

import { offers } from "./capabilities.js";

const PAUSE_MS = 5_000;
const PAUSE_MOST_MS = 120_000;
const LINE_CHARACTERS = 65_536; // a longer one is no event of ours

// Text in pieces in, events {id, event, data} out (HTML, section 9.2.6).
export function parser(told) {
  let rest = "";
  let event = { id: null, event: "message", data: [] };
  return (piece) => {
    rest += piece;
    const lines = rest.split(/\r\n|\r(?!$)|\n/);
    rest = lines.pop();
    if (rest.length > LINE_CHARACTERS) throw new RangeError("a line without end");
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) told({ ...event, data: event.data.join("\n") });
        event = { id: event.id, event: "message", data: [] };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment: it keeps the connection alive
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") event.data.push(value);
      else if (name === "event") event.event = value;
      else if (name === "id") event.id = value;
    }
  };
}

// Calls `told` for each event of a subscription until `signal` aborts; begins anew where the stream breaks. Returns where the
// gateway has no events.
export async function follow(record, told, signal) {
  if (!(await offers("/events"))) return;
  let last = null;
  let pause = PAUSE_MS;
  while (!signal.aborted) {
    try {
      const headers = { authorization: `Bearer ${record.token}`, accept: "text/event-stream" };
      if (last !== null) headers["last-event-id"] = last;
      const path = `/v1/subscriptions/${encodeURIComponent(record.id)}/events`;
      const answer = await fetch(path, { headers, credentials: "omit", cache: "no-store", signal });
      if ([401, 403, 404].includes(answer.status)) return;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const read = parser((event) => {
        last = event.id ?? last;
        told(event);
      });
      const stream = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      pause = PAUSE_MS;
      for (let part = await stream.read(); !part.done; part = await stream.read()) read(part.value);
    } catch {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, PAUSE_MOST_MS);
  }
}
