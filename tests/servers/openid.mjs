// A real OpenID provider (oidc-provider, certified by the OpenID Foundation) at a port of 127.0.0.1; "ready PORT" is a line that
// is printed. Arguments: the folder of npm's packages, the port, seconds that an access token of the client "phone" lives (of
// others an hour). Ends with its standard input. Whoever signs in is who they say; refresh tokens rotate, and one that is used
// twice ends the grant.

import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, port, seconds] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(join(folder, "oidc-provider/lib/index.js")));

// At whatever port (RFC 8252 section 7.3).
const redirect_uris = ["http://127.0.0.1/signed-in", "http://127.0.0.1/signed-in/corp"];
const grants = { grant_types: ["authorization_code", "refresh_token"], redirect_uris };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id: "phone", token_endpoint_auth_method: "none", application_type: "native", ...grants },
    { client_id: "site", client_secret: "s3cret+of/site", application_type: "native", ...grants },
    { client_id: "mail", client_secret: "s3cret-of-mail", grant_types: [], redirect_uris: [], response_types: [] },
  ],
  cookies: { keys: ["tests"] },
  features: { introspection: { enabled: true }, revocation: { enabled: true } },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  rotateRefreshToken: true,
  scopes: ["openid", "offline_access", "imap"],
  ttl: {
    AccessToken: (_, token, client) => (client.clientId === "phone" ? Number(seconds) : 3600),
    AuthorizationCode: 60,
    Grant: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 600,
  },
});

let renewals = 0;
provider.on("grant.success", (context) => {
  if (context.oidc.params.grant_type === "refresh_token") renewals += 1;
});
const handle = provider.callback();
const server = createServer((request, response) => {
  if (request.url !== "/renewals") return handle(request, response);
  response.end(String(renewals));
});
server.listen(Number(port), "127.0.0.1", () => console.log(`ready ${port}`));
process.stdin.on("end", () => process.exit(0)).resume();
