// What comes in a link's fragment, which no server is sent: an invitation, or a link of one use from another device. Taken out
// of the address at once, so that it stays in no history.

import "../common/records.js";

const { records } = self.idlebell;
const NAME_CHARACTERS = 320;
const TOKEN = /^[A-Za-z0-9_~.-]{8,200}$/;

export const isToken = (text) => TOKEN.test(text);

// The fragment's token: {kind: "invite" | "link", token, name}, or null. `name`: of the account that a link shares.
export function readFragment(hash) {
  const match = /^#(invite|link)=([^/]+)(?:\/(.*))?$/.exec(hash);
  return match && isToken(match[2]) ? { kind: match[1], token: match[2], name: readName(match[3] ?? "") } : null;
}

function readName(text) {
  try {
    return decodeURIComponent(text).slice(0, NAME_CHARACTERS);
  } catch {
    return "";
  }
}

export async function takeToken(context) {
  const found = readFragment(location.hash);
  if (!found) {
    if (!/^#(invite|link)=/.test(location.hash)) return;
    // Cut off in some mail, perhaps: nothing of it stays.
    history.replaceState(null, "", "/");
    context.warning = context.texts.say("link.broken");
    return;
  }
  history.replaceState(null, "", "/");
  if (found.kind === "invite") {
    await records.set("key", found.token);
    history.replaceState(null, "", "/#/add");
    context.say(context.texts.say("invited"));
  } else {
    context.link = found;
    history.replaceState(null, "", "/#/linked");
  }
}
