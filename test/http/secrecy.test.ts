import { beforeAll, describe, expect, test } from 'vitest';
import { type HttpReply, sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

/** Another key, which the sandbox does not take. */
const WRONG = 'WRONG-KEY-THAT-MUST-NOT-LEAK-987654321';

const opened = openForFile(() => startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 }, apiKey: KEY }));

/** Every way to hand over a key, and every kind of failure on it. */
const REQUESTS: readonly [string, unknown?, Record<string, string>?][] = [
  [`GET /api/instances?accessToken=${KEY}`],
  [`GET /api/instances?accessToken=${WRONG}`],
  [`GET /api/instances?accesToken=${WRONG}`],
  [`GET /api/nothing?accessToken=${WRONG}`],
  [`GET /api/instances&accessToken=${WRONG}`],
  [`GET /v2/instances&api_key=${WRONG}`],
  [`DELETE /api/instances?accessToken=${WRONG}`],
  ['POST /api/instance', { accessToken: WRONG, region: 'ams', plan: 'nosuch' }],
  ['POST /api/instance', `{"accessToken":"${WRONG}",`],
  ['PUT /api/instance/start', { accessToken: WRONG, instanceId: 'x' }],
  ['GET /v2/account', undefined, { authorization: `Bearer ${KEY}` }],
  ['GET /v2/account', undefined, { authorization: `Bearer ${WRONG}` }],
  ['GET /v2/account', undefined, { authorization: `Basic ${WRONG}` }],
  ['GET /v2/account', undefined, { authorization: `Bearer ${WRONG} x` }],
  ['GET /v2/nothing-new', undefined, { authorization: `Bearer ${WRONG}` }],
  ['POST /v2/instances', { label: WRONG }, { authorization: `Bearer ${WRONG}` }],
  ['GET /v2/instances/..%2f', undefined, { authorization: `Bearer ${WRONG}` }],
  ['GET /api/instances', undefined, { authorization: `Bearer ${WRONG}\u00e9` }],
  ['GET /api/instances', undefined, { 'grpc-metadata-authorization': `Bearer ${WRONG}` }],
  ['GET /api/instances', undefined, { 'x-request-id': 'r', 'user-agent': 'agent', authorization: WRONG }],
];

let replies: HttpReply[];

beforeAll(async () => {
  const address = opened().app.httpAddress ?? '';
  replies = [];
  for (const [line, body, headers] of REQUESTS) {
    const [method = '', target = ''] = line.split(' ');
    replies.push(await sendHttp(address, method, target, body, headers));
  }
});

describe('a key', () => {
  test('is in no header and in no body of a response', () => {
    for (const [index, { headers, text }] of replies.entries()) {
      const asked = JSON.stringify(REQUESTS[index]);
      expect(JSON.stringify(headers), asked).not.toMatch(/MUST-NOT-LEAK/);
      expect(text, asked).not.toMatch(/MUST-NOT-LEAK/);
    }
  });

  test('is refused as a key and not for another reason', () => {
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThan(2);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
  });

  test('is neither in the metrics nor in the pages of the service', async () => {
    for (const path of ['/metrics', '/readyz', '/healthz']) {
      const { status, headers, text } = await sendHttp(opened().app.httpAddress ?? '', 'GET', path);
      expect(status).toBe(200);
      expect(text + JSON.stringify(headers)).not.toMatch(/MUST-NOT-LEAK/);
    }
  });

  test('is not in the log', () => {
    const { text, lines } = opened().log;
    expect(lines().length).toBeGreaterThanOrEqual(REQUESTS.length);
    expect(text).not.toMatch(/MUST-NOT-LEAK/);
  });
});
