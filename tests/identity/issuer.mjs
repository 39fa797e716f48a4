// A certified OpenID provider (panva's oidc-provider) on loopback, for tests of Loquat.
//
// Prints one line of JSON when it is ready: `{"issuer": …}`. Each line on its standard input is a request
// for an access token by the client credentials grant, `ALGORITHM SCOPE…`; it is answered by a line of
// JSON: `{"token": …}`. It ends with its standard input.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const AUDIENCE = 'loquat';
const CLIENT = { client_id: 'robot', client_secret: 'only-for-this-test' };

/** A new private key that signs with this algorithm. */
function key(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-key` };
}

const jwks = {
  keys: [
    key('RS256', 'rsa', { modulusLength: 2048 }),
    key('ES256', 'ec', { namedCurve: 'P-256' }),
    key('EdDSA', 'ed25519', {}),
  ],
};

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

// The resource that a token is asked for says what the token is signed with.
const resource = (alg) => `https://chat.example/${alg}`;

const provider = new Provider(issuer, {
  clients: [{
    ...CLIENT,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: 'openid loquat-admin other',
  }],
  scopes: ['openid', 'loquat-admin', 'other'],
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
  extraTokenClaims: () => ({ organization: { id: 'acme' } }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, indicator) => ({
        scope: 'loquat-admin other',
        audience: AUDIENCE,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: indicator.split('/').pop() } },
      }),
    },
  },
  jwks,
});
server.on('request', provider.callback());

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
print({ issuer });

for await (const line of createInterface({ input: process.stdin })) {
  const [alg, ...scopes] = line.split(' ');
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${CLIENT.client_id}:${CLIENT.client_secret}`)}`,
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: resource(alg),
      scope: scopes.join(' '),
    }),
  });
  const body = await answer.json();
  print(answer.ok ? { token: body.access_token } : { error: body });
}
process.exit(0);
