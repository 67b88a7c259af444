// Where a tap on a card leads: the provider's own mail page, where it is known or the user has said so.
"use strict";

{
  const PAGES = [
    [/^(gmail|googlemail)\.com$/, "https://mail.google.com/mail/"],
    [/^(outlook|hotmail|live|msn)\.[a-z.]+$/, "https://outlook.live.com/mail/"],
    [/^(icloud|me|mac)\.com$/, "https://www.icloud.com/mail/"],
    [/^(yahoo|ymail|rocketmail|aol)\.[a-z.]+$/, "https://mail.yahoo.com/"],
    [/^gmx\.(de|net|at|ch)$/, "https://www.gmx.net/"],
    [/^web\.de$/, "https://web.de/email/"],
    [/^(fastmail\.(com|fm)|sent\.com)$/, "https://app.fastmail.com/mail/"],
    [/^posteo\.[a-z]+$/, "https://posteo.de/"],
    [/^mailbox\.org$/, "https://login.mailbox.org/"],
    [/^(zoho|zohomail)\.(com|eu|in)$/, "https://mail.zoho.com/"],
    [/^(163|126|yeah)\.(com|net)$/, "https://mail.163.com/"],
    [/^qq\.com$/, "https://mail.qq.com/"],
    [/^(yandex\.[a-z.]+|ya\.ru)$/, "https://mail.yandex.com/"],
  ];

  function known(address) {
    const domain = String(address).split("@").at(-1).toLowerCase();
    return PAGES.find(([pattern]) => pattern.test(domain))?.[1] ?? null;
  }

  // An https address as the user wrote it; null: it is none.
  function read(text) {
    try {
      const url = new URL(text.includes("://") ? text : `https://${text}`);
      return url.protocol === "https:" && url.hostname.includes(".") && !url.username ? url.href : null;
    } catch {
      return null;
    }
  }

  // `record.opens`: what the user has said; null: nothing.
  const linkOf = (record) => (record.opens ? read(record.opens) : known(record.username));

  self.idlebell = { ...self.idlebell, webmail: { known, linkOf, read } };
}
