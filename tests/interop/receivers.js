"use strict";
// Receivers that others wrote, at one port of 127.0.0.1; its number is the one line that is printed. The first argument is
// the secret of the webhooks. Ends with its standard input.
//
//   POST /subscribe, /notify/HASH, /get-notifications, /expire-subscription/HASH   web-push-testing, all of it
//   GET /ece, POST /ece           a subscription whose pushes http_ece decrypts; what came so far
//   GET /webhook, POST /webhook   what standardwebhooks takes for genuine; what came so far

const { createECDH, randomBytes } = require("node:crypto");
const { createServer } = require("node:http");
const ece = require("http_ece");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");
const { PushApiModel } = require("web-push-testing/src/PushApiModel");
const WebPushTestingServer = require("web-push-testing/src/server");

const privateKey = createECDH("prime256v1");
privateKey.generateKeys();
const authSecret = randomBytes(16);
const keys = { p256dh: privateKey.getPublicKey("base64url"), auth: authSecret.toString("base64url") };
const hook = new Webhook(process.argv[2]);

const ours = {
  "/ece": {
    shown: { keys, got: [] },
    take: (body, headers) => ece.decrypt(body, { version: headers["content-encoding"], privateKey, authSecret }).toString("utf8"),
  },
  "/webhook": {
    shown: { got: [] },
    take: (body, headers) => hook.verify(body, headers),
  },
};

// Its own start would listen at every address of the machine.
const model = new PushApiModel();
const testing = new WebPushTestingServer(model, 0);
testing.setRequestHandlers();

const server = createServer(async (request, response) => {
  const one = ours[request.url];
  if (one === undefined) {
    testing._app(request, response);
    return;
  }
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  if (request.method === "POST") {
    try {
      one.shown.got.push(one.take(Buffer.concat(parts), request.headers));
      response.statusCode = 201;
    } catch (error) {
      response.statusCode = error instanceof WebhookVerificationError ? 401 : 400;
      response.end(`${error.message}`);
      return;
    }
  }
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(one.shown));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  model.notifyUrl = `http://127.0.0.1:${port}/notify/`;
  process.stdout.write(`${port}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
