// One session of the npm package imapflow: what an app does in a day. Prints what each call gave as JSON.
// Arguments: folder of the packages, port, user, password, file of the authority (empty: in clear), separator of names.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, port, user, pass, caFile, separator] = process.argv.slice(2);
const { ImapFlow } = createRequire(join(folder, 'x'))('imapflow');
const heard = [];
const told = (_, value) => {
  if (typeof value === 'bigint') return `${value}`;
  if (value instanceof Set) return [...value];
  if (value instanceof Map) return [...value].sort();
  if (value && value.type === 'Buffer') return Buffer.from(value.data).toString('base64');
  return value;
};
const tell = (what, value) => heard.push([what, value === undefined ? null : value]);

const client = new ImapFlow({
  host: 'localhost',
  port: Number(port),
  secure: caFile !== '',
  doSTARTTLS: false,
  tls: caFile === '' ? {} : { ca: readFileSync(caFile) },
  auth: { user, pass },
  clientInfo: { name: 'differ' },
  logger: false,
});
await client.connect();
tell('namespace', client.namespace);
tell('enabled', client.enabled);
const box = separator === '.' ? 'INBOX.Über' : 'Über';
tell('create', await client.mailboxCreate(box));
tell('list', await client.list({ statusQuery: { messages: true, unseen: true } }));
tell('status', await client.status('INBOX', { messages: true, uidNext: true, unseen: true }));
tell('open', await client.mailboxOpen('INBOX'));
const all = { uid: true, flags: true, envelope: true, bodyStructure: true, size: true, internalDate: true, source: true };
tell('fetch', await client.fetchAll('1:*', all));
tell('part', await client.fetchOne('3', { headers: ['subject'], bodyParts: ['1', '2', { key: 'text', start: 3, maxLength: 9 }] }));
const download = await client.download('5');
const pieces = [];
for await (const piece of download.content) pieces.push(piece);
tell('download', [download.meta, Buffer.concat(pieces).toString('base64')]);
tell('search', await client.search({ or: [{ seen: true }, { subject: 'lunch 4' }] }));
tell('none', await client.search({ uid: '900:950' }));
tell('flag', await client.messageFlagsAdd('2:4', ['\\Flagged', 'Work']));
tell('unflag', await client.messageFlagsRemove({ seen: true }, ['\\Seen']));
const date = new Date('2019-03-05T10:22:33Z');
tell('append', await client.append('INBOX', 'Subject: Zoë\r\n\r\nHm.\r\n', ['\\Seen'], date));
tell('copy', await client.messageCopy('2', box));
tell('move', await client.messageMove('4', box));
tell('delete', await client.messageDelete('1'));
tell('noop', await client.noop());
tell('exists', client.mailbox.exists);
const exists = new Promise((resolve) => client.once('exists', resolve));
const second = new ImapFlow({ ...client.options, logger: false });
await second.connect();
const idle = client.idle();
await second.append('INBOX', 'Subject: while idle\r\n\r\n', [], date);
await second.logout();
tell('heard in idle', await exists);
await client.noop();
await idle;
tell('close', await client.mailboxClose());
tell('other', await client.mailboxOpen(box, { readOnly: true }));
// Which of several new messages gets the lower UID, Courier chooses anew each time.
const there = await client.fetchAll('1:*', { flags: true, envelope: true, source: true });
tell('there', there.map(({ flags, envelope, source }) => [envelope.subject, flags, source]).sort());
tell('quota', await client.getQuota('INBOX'));
try {
  await client.mailboxOpen('NoSuch');
} catch (error) {
  tell('none such', [error.responseStatus, error.serverResponseCode, error.responseText]);
}
tell('deleted', await client.mailboxDelete(box));
await client.logout();
process.stdout.write(JSON.stringify(heard, told));
