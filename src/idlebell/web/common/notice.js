// From what arrives at an endpoint (interface, section 5) to the card that is shown. Nothing here touches the browser: a body,
// the cards that are open, and words come in; a title and options go out.
"use strict";

{
  const BODY_CHARACTERS = 8_192; // what a push service carries at most is half of that
  const LINES = 4;
  const TEXT_CHARACTERS = 200;
  const CONTENT_CHARACTERS = 600; // of a message that came whole: more than a card shows anywhere
  const COUNT_MAX = 1_000_000;

  const cut = (text, most) => (text.length > most ? `${[...text.slice(0, 2 * most)].slice(0, most - 1).join("")}…` : text);
  const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  const text = (value, most = TEXT_CHARACTERS) =>
    (typeof value === "string" ? cut(value.slice(0, BODY_CHARACTERS).replace(CONTROLS, " ").trim(), most) : "");
  const count = (value, otherwise) => (Number.isSafeInteger(value) && value >= 0 && value <= COUNT_MAX ? value : otherwise);
  const list = (value) => (Array.isArray(value) ? value : []);

  // A body as an object; null where it is none: still something must be shown.
  function readBody(data) {
    if (typeof data !== "string" || data.length > BODY_CHARACTERS) return null;
    try {
      const found = JSON.parse(data);
      return found && typeof found === "object" && !Array.isArray(found) && typeof found.type === "string" ? found : null;
    } catch {
      return null;
    }
  }

  // What a push event holds. A browser that knows declarative messages hands over the card that it is about to show, whose data
  // is the body without its messages. `declared`: that card is shown unless the worker shows another.
  function arrived({ data, notification }) {
    const body = readBody(data?.text() ?? "");
    if (body || !notification) return { body, declared: false };
    return { body: readBody(JSON.stringify(notification.data ?? null)), declared: true };
  }

  // "Boss <boss@example.org>": the name, or the address where there is no name.
  function senderName(from) {
    const match = /^\s*"?([^"<]*?)"?\s*<([^<>]*)>\s*$/.exec(from);
    return match ? match[1] || match[2] : from;
  }

  // "Boss <boss@example.org>": the address, as it is hushed by; "" where there is none.
  function senderAddress(from) {
    const address = (/<([^<>]*)>\s*$/.exec(from)?.[1] ?? from).trim().toLowerCase();
    return /^[^\s@]+@[^\s@]+$/.test(address) ? address : "";
  }

  // Several mailboxes in one bell: "INBOX: 3, Lists: 2".
  function spread(mailboxes) {
    const known = mailboxes && typeof mailboxes === "object" && !Array.isArray(mailboxes) ? Object.entries(mailboxes) : [];
    return known.slice(0, LINES).map(([name, number]) => `${text(name)}: ${count(number, 1)}`).join(", ");
  }

  const tagOf = (body) => `mail/${text(body.subscription)}/${text(body.mailbox)}`;

  // Lines "sender: subject", the newest first.
  function lines(messages, words) {
    return list(messages).slice(-LINES).reverse().map((one) => {
      const from = senderName(text(one?.from));
      const subject = text(one?.subject) || words.say("notice.no-subject");
      return from ? `${words.isolated(from)}: ${words.isolated(subject)}` : words.isolated(subject);
    });
  }

  // `open`: the card of this tag that is still there, or undefined. `account`: its address.
  function newMail(body, account, open, words) {
    const before = open?.data ?? {};
    const stale = Number.isSafeInteger(before.version) && Number.isSafeInteger(body.version) && body.version <= before.version;
    const came = count(body.count, 1);
    const again = body.reminder === true; // of what rang before: it may be on the card already, and is not counted twice
    const total = stale ? count(before.count, came) : again ? Math.max(count(before.count, 0), came) : count(before.count, 0) + came;
    const fresh = lines(body.messages, words);
    const shown = stale ? list(before.lines) : [...fresh, ...list(before.lines)].slice(0, LINES);
    const mailbox = text(body.mailbox);
    const messages = list(body.messages);
    const only = total === 1 && messages.length === 1 ? messages[0] : null;
    const where = mailbox && mailbox !== "INBOX" ? words.say("notice.in", { account, mailbox }) : account;
    const detail = only ? text(only.subject) || words.say("notice.no-subject") : shown.join("\n");
    const title = again && !stale ? words.say("notice.unread", { count: total }) : only ? senderName(text(only.from)) || words.say("notice.new-mail", { count: total })
      : words.say("notice.new-mail", { count: total });
    return {
      title,
      options: {
        body: [detail, only && (text(only.text, CONTENT_CHARACTERS) || text(only.preview)), spread(body.mailboxes), where].filter(Boolean).join("\n"),
        tag: tagOf(body),
        renotify: !stale,
        silent: stale,
        timestamp: Date.parse(body.at) || undefined,
        data: {
          kind: "mail",
          subscription: text(body.subscription),
          mailbox,
          uid_validity: body.uid_validity ?? null,
          uids: [...new Set([...(stale ? [] : again ? list(body.uids) : messages.map((one) => one?.uid)), ...list(before.uids)])]
            .filter(Number.isSafeInteger).slice(0, 100),
          version: stale ? before.version : body.version,
          count: total,
          lines: shown,
          sender: only ? senderAddress(text(only.from)) : "",
        },
      },
    };
  }

  // What is left of a card when messages were read elsewhere; null: nothing, the card closes.
  function seen(body, open, words) {
    const before = open?.data;
    const unseen = count(body.unseen, 0);
    if (!before || !unseen) return null;
    const gone = new Set(list(body.uids));
    const left = Math.min(unseen, Math.max(0, count(before.count, 0) - gone.size));
    if (!left) return null;
    const uids = list(before.uids).filter((uid) => !gone.has(uid));
    return {
      title: words.say("notice.new-mail", { count: left }),
      options: { body: open.body?.split("\n").at(-1) ?? "", tag: tagOf(body), silent: true, data: { ...before, count: left, uids, lines: [] } },
    };
  }

  // Cards that are about the account and not about mail; one of each kind an account, the newest instead of the one before.
  function standing(kind, subscription, account, words, { silent = false, action = null } = {}) {
    return {
      title: words.say(`notice.${kind}.title`, { account }),
      options: {
        body: words.say(`notice.${kind}.body`, { account }),
        tag: `state/${subscription}`,
        renotify: !silent,
        silent,
        data: { kind: action ?? "state", subscription },
      },
    };
  }

  const notice = { arrived, newMail, readBody, seen, senderAddress, senderName, standing, tagOf, text };
  self.idlebell = { ...self.idlebell, notice };
}
