import type { Expectation } from './expectation.ts';
import { NO_ID, refusal, refused, status } from './observations.ts';

/** How requests and responses look, and who may send them. */
export const transport: readonly Expectation[] = [
  {
    id: 'transport.content-type',
    what: '`GET /v2/regions` without `Content-Type`',
    expected: refused(400, 'Bad request.'),
    sources: ['tools', 'issues'],
    observe: refusal('GET /v2/regions', { key: null, contentType: null }),
  },
  {
    id: 'transport.headers',
    what: 'headers of `GET /v2/regions`',
    expected: {
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex,noarchive',
      'strict-transport-security': 'max-age=63072000',
    },
    sources: ['recordings', 'issues'],
    observe: async (vultr) => {
      const { headers } = await vultr.send('GET /v2/regions', { key: null });
      const wanted = [
        'content-type',
        'cache-control',
        'x-content-type-options',
        'x-frame-options',
        'x-robots-tag',
        'strict-transport-security',
      ];
      return Object.fromEntries(wanted.map((name) => [name, String(headers[name] ?? '')]));
    },
  },
  {
    id: 'transport.account-header',
    what: 'whether `x-user` of `GET /v2/account` holds an address, and of `GET /v2/regions` without a key',
    expected: [true, false],
    sources: ['issues'],
    observe: async (vultr) => {
      const named = await vultr.send('GET /v2/account');
      const open = await vultr.send('GET /v2/regions', { key: null });
      return [named, open].map(({ headers }) => String(headers['x-user'] ?? '').includes('@'));
    },
  },
  {
    id: 'transport.no-limit-headers',
    what: 'headers of `GET /v2/regions` that name a request, a limit or a version of the response',
    expected: [],
    sources: ['recordings', 'probes'],
    observe: async (vultr) => {
      const { headers } = await vultr.send('GET /v2/regions', { key: null });
      return Object.keys(headers).filter((name) =>
        /request-id|ratelimit|rate-limit|etag|last-modified/.test(name),
      );
    },
  },
  {
    id: 'transport.escapes',
    what: 'how `GET /v2/regions` writes São Paulo',
    expected: 'S\\u00e3o Paulo',
    sources: ['assumed'],
    observe: async (vultr) =>
      /"city":"(S[^"]*o Paulo)"/.exec((await vultr.send('GET /v2/regions', { key: null })).text)?.[1] ?? null,
  },
  {
    id: 'transport.unknown-parameter',
    what: 'status of `GET /v2/regions?page=1&no_such_thing=1`',
    expected: 200,
    sources: ['catalogue'],
    observe: status('GET /v2/regions?page=1&no_such_thing=1', { key: null }),
  },
  {
    id: 'transport.unknown-path',
    what: '`GET /v2/no-such-thing`',
    expected: refused(404, 'Not found.'),
    sources: ['assumed'],
    observe: refusal('GET /v2/no-such-thing'),
  },
  {
    id: 'transport.wrong-method',
    what: '`PATCH /v2/vpcs/{id}`, which other resources have',
    expected: refused(405, 'Method not allowed. Must be one of: DELETE, GET, PUT'),
    sources: ['probes'],
    effect: 'change',
    observe: refusal(`PATCH /v2/vpcs/${NO_ID}`, { body: {} }),
  },
  {
    id: 'transport.malformed',
    what: '`POST /v2/ssh-keys` with a body that is cut off',
    expected: refused(400, 'Bad request. The body is not valid JSON.'),
    sources: ['assumed'],
    effect: 'change',
    observe: refusal('POST /v2/ssh-keys', { rawBody: '{"name":' }),
  },
  {
    id: 'keys.none',
    what: '`GET /v2/account` without a key',
    expected: refused(401, 'Invalid API token.'),
    sources: ['probes'],
    observe: refusal('GET /v2/account', { key: null }),
  },
  {
    id: 'keys.unknown',
    what: '`GET /v2/account` with a key that nobody has',
    expected: refused(401, 'Invalid API token.'),
    sources: ['probes'],
    observe: refusal('GET /v2/account', { key: 'invalid-key-of-nobody' }),
  },
  ...[
    ['/v2/regions', 'probes', 200],
    ['/v2/plans', 'probes', 200],
    ['/v2/os', 'probes', 200],
    ['/v2/applications', 'probes', 200],
    ['/v2/object-storage/clusters', 'probes', 200],
    ['/v2/regions/ams/availability', 'documents', 200],
    ['/v2/plans-metal', 'documents', 200],
    ['/v2/iso-public', 'documents', 200],
    ['/v2/kubernetes/versions', 'documents', 200],
    ['/v2/object-storage/tiers', 'probes', 401],
  ].map(
    ([path, source, expected]): Expectation => ({
      id: `keys.open${String(path).replace('/v2', '').replaceAll('/', '.')}`,
      what: `status of \`GET ${path}\` without a key`,
      expected: Number(expected),
      sources: [source === 'probes' ? 'probes' : 'documents'],
      observe: status(`GET ${path}`, { key: null }),
    }),
  ),
];
