// Holds sessions on imapflow: log in, EXAMINE, IDLE. For memory.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ImapFlow } from 'imapflow';

const AT_ONCE = 50;

console.log('loaded');
for await (const line of createInterface({ input: process.stdin })) {
  const { port, ca_file, sessions } = JSON.parse(line);
  const ca = readFileSync(ca_file);
  const held = [];
  const work = async () => {
    while (held.length < sessions) {
      const number = held.length;
      const client = new ImapFlow({
        host: '127.0.0.1',
        port,
        secure: true,
        tls: { ca },
        auth: { user: `user${number}`, pass: 'apass' },
        logger: false,
      });
      held.push(client);
      await client.connect();
      await client.mailboxOpen('INBOX', { readOnly: true });
      client.idle();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  setInterval(() => {}, 60_000);
}
