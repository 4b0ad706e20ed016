import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { createRandom } from '../support/random.ts';
import { KEY } from '../support/service.ts';
import { type Declared, declared } from '../support/v2/declared.ts';
import { startGateway } from '../support/v2/gateway.ts';
import { randomRequest } from '../support/v2/random-request.ts';
import { randomObject } from '../support/v2/random-values.ts';
import { type Recorded, startRecordingUpstream } from '../support/v2/recording-upstream.ts';
import { writeHttp, writeJson } from '../support/v2/write-http.ts';

/** One way there and back over both transports, for every operation. More of them with other seeds. */
test.each([1, 2, 3])(
  'every operation carries its request and its response unchanged (seed %i)',
  async (seed) => {
    const upstream = await startRecordingUpstream();
    const gateway = await startGateway(upstream.url);
    const random = createRandom(seed);
    for (const rpc of declared) {
      const request = randomRequest(rpc, random);
      const meant = writeHttp(rpc, request);
      // What redirects has no body of its own to carry; a test of its own is about the redirect.
      const success = rpc.successCode < 300 ? rpc.successCode : 200;
      const answer = success === 204 ? undefined : withId(rpc, randomObject(random, 5));
      const answerText = answer === undefined ? '' : writeJson(answer);
      upstream.answer = {
        status: success,
        contentType: answer === undefined ? undefined : 'application/json',
        body: answerText,
      };

      const overGrpc = await gateway.grpc(rpc, request);
      const fromGrpc = upstream.take();
      const headers = { authorization: `Bearer ${KEY}`, 'content-type': contentTypeOf(rpc) };
      const overHttp = await gateway.http(meant.method, meant.target, { body: meant.body, headers });
      expect(overHttp.status, `${rpc.name}: ${overHttp.body}`).toBe(success);
      const fromHttp = upstream.take();

      for (const arrived of [fromGrpc, fromHttp]) {
        expect(
          { method: arrived.method, target: arrived.target, body: arrived.body },
          `${rpc.name} at the upstream`,
        ).toEqual({ ...meant, body: meant.body ?? '' });
        expectHeaders(arrived, rpc);
      }
      expect(sorted(overGrpc), `${rpc.name} over gRPC`).toBe(sorted(answer ?? {}));
      expect(
        { status: overHttp.status, body: overHttp.body.toString(), type: overHttp.headers['content-type'] },
        `${rpc.name} over HTTP`,
      ).toEqual({ status: success, body: answerText, type: answer && 'application/json' });
    }
  },
);

function expectHeaders({ headers }: Recorded, rpc: Declared): void {
  expect(headers['content-type'], rpc.name).toBe(contentTypeOf(rpc));
  const { authorization, ...others } = headers;
  expect(authorization, rpc.name).toBe(rpc.isPublic ? undefined : `Bearer ${KEY}`);
  expect(JSON.stringify(others), rpc.name).not.toMatch(new RegExp(`${KEY}|access_token`));
}

function contentTypeOf({ isForm }: Declared): string {
  return isForm ? 'application/x-www-form-urlencoded' : 'application/json';
}

/** A response that names what the operation has created, where it creates something; without that it proves nothing. */
function withId({ createdId }: Declared, answer: JsonObject): JsonObject {
  if (createdId === undefined) return answer;
  const created = createdId
    .split('.')
    .reduceRight<unknown>((inner, name) => (/^\d+$/.test(name) ? [inner] : { [name]: inner }), 'id-1');
  return { ...answer, ...(created as JsonObject) };
}

/** JSON text whose members are in the order of their names, so that equal values have equal texts. */
function sorted(value: JsonObject): string {
  return writeJson(sortMembers(value));
}

function sortMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortMembers);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]): [string, unknown] => [key, sortMembers(member)]);
  return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
