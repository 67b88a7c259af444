// A small watcher on imapflow, as its documentation has one listen for 'exists', opened again where it ends.
// For beside_peers.

import { createInterface } from 'node:readline';
import { ImapFlow } from 'imapflow';

const AGAIN_MS = 1000;

async function watch(account) {
  let following;
  for (;;) {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: account.port,
      secure: false,
      doSTARTTLS: false,
      auth: { user: account.user, pass: account.password },
      logger: false,
    });
    client.on('error', (error) => console.error(`${account.user}: ${error.message}`));
    const closed = new Promise((resolve) => client.on('close', resolve));
    let looking = Promise.resolve();
    const look = () => {
      looking = looking.then(async () => {
        const found = [];
        for await (const message of client.fetch(`${following}:*`, { uid: true }, { uid: true })) {
          if (message.uid >= following) found.push(message.uid);
        }
        for (const uid of found) {
          following = Math.max(following, uid + 1);
          await fetch(account.url, { method: 'POST', body: JSON.stringify({ uid }) });
        }
      }).catch((error) => console.error(`${account.user}: ${error.message}`));
    };
    try {
      await client.connect();
      const mailbox = await client.mailboxOpen('INBOX', { readOnly: true });
      following ??= mailbox.uidNext;
      client.on('exists', look);
      if (mailbox.uidNext > following) look();
      await closed;
    } catch (error) {
      console.error(`${account.user}: ${error.message}`);
      client.close();
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  for (const account of JSON.parse(line)) watch(account);
  break;
}
