import { expect, test } from 'vitest';
import { type Declared, declared } from '../support/v2/declared.ts';
import { type Gateway, startGateway } from '../support/v2/gateway.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../support/v2/recording-upstream.ts';

/** The rpc that passes on what the contract does not know. */
const RAW = 'vultr.v2.RawService/Call';

/** What is not a literal, though it looks like one, or like a verb, an escape or a dot segment. */
const LOOKALIKES: readonly ((literal: string) => string)[] = [
  (literal) => `${literal}:`,
  (literal) => `:${literal}`,
  (literal) => `${literal}:watch`,
  (literal) => `${literal}%2F`,
  (literal) => `%2F${literal}`,
  (literal) => `${literal}%20`,
  (literal) => `${literal}.`,
  (literal) => `..${literal}`,
  (literal) => `${literal};v=1`,
  (literal) => `${literal}%2500`,
  (literal) => literal.toUpperCase(),
  () => 'sha256:9f86d081884c7d65%2Fx',
  () => '2001:db8::1',
  () => '%3A%3A1',
];

const isVariable = (segment: string): boolean => segment.startsWith('{');

/** Two templates that some path fits both of, with the first place where one has a literal and the other a variable. */
interface Overlap {
  readonly literal: Declared;
  readonly variable: Declared;
  readonly index: number;
}

/** Every pair of templates that overlap. Those of the same shape differ by their methods alone. */
const overlaps: readonly Overlap[] = declared.flatMap((literal) =>
  declared.flatMap((variable) => {
    const a = literal.path.split('/');
    const b = variable.path.split('/');
    const meet =
      a.length === b.length &&
      a.every((segment, index) => segment === b[index] || isVariable(segment) || isVariable(b[index] ?? ''));
    const index = a.findIndex((segment, at) => isVariable(segment) !== isVariable(b[at] ?? ''));
    return meet && index >= 0 && !isVariable(a[index] ?? '') ? [{ literal, variable, index }] : [];
  }),
);

/** A path that fits both templates of a pair. */
function commonPath({ literal, variable }: Overlap): string[] {
  const rival = variable.path.split('/');
  return literal.path.split('/').map((segment, index) => {
    const other = rival[index] ?? '';
    return isVariable(segment) ? (isVariable(other) ? 'x-1' : other) : segment;
  });
}

/** Whether a path fits a template. */
function fits({ path: template }: Declared, path: readonly string[]): boolean {
  const segments = template.split('/');
  return (
    segments.length === path.length &&
    segments.every((segment, index) => isVariable(segment) || segment === path[index])
  );
}

/** The rpc that a path belongs to: of those that it fits, the one whose literal comes first. */
function bestFit(method: string, path: readonly string[]): Declared | undefined {
  const shape = ({ path: template }: Declared): string =>
    template.replace(/[^/{]+|\{\w+\}/g, (segment) => (isVariable(segment) ? '1' : '0'));
  return declared
    .filter((rpc) => rpc.httpMethod === method && fits(rpc, path))
    .toSorted((a, b) => (shape(a) < shape(b) ? -1 : 1))[0];
}

/** Sends a request without body and says which rpc served it, or the status of the refusal. */
async function route(gateway: Gateway, method: string, path: readonly string[]): Promise<string | number> {
  const target = path.join('/');
  const answer = await gateway.http(method, target, { body: takesBody(method) ? '{}' : undefined });
  const served = gateway.rpcOf(answer);
  return served.startsWith('vultr.v2.') ? served : answer.status;
}

const takesBody = (method: string): boolean => ['POST', 'PUT', 'PATCH'].includes(method);

async function start(): Promise<{ gateway: Gateway; upstream: RecordingUpstream }> {
  const upstream = await startRecordingUpstream();
  return { gateway: await startGateway(upstream.url), upstream };
}

test('a literal wins over a variable, for each method on its own', async () => {
  const { gateway } = await start();
  expect(overlaps.length).toBeGreaterThan(50);
  let decided = 0;
  for (const overlap of overlaps) {
    const path = commonPath(overlap);
    for (const method of new Set([overlap.literal.httpMethod, overlap.variable.httpMethod])) {
      const expected = bestFit(method, path);
      expect(await route(gateway, method, path), `${method} ${path.join('/')}`).toBe(expected?.name);
      if (expected === overlap.literal) decided += 1;
    }
  }
  expect(decided).toBeGreaterThan(10);
});

test('a segment that only resembles the literal matches the variable, and goes on as it came', async () => {
  const { gateway, upstream } = await start();
  for (const { literal, variable, index } of overlaps) {
    const path = commonPath({ literal, variable, index });
    for (const lookalike of LOOKALIKES) {
      const segment = lookalike(literal.path.split('/')[index] ?? '');
      const target = path.with(index, segment);
      const { httpMethod } = variable;
      const expected = bestFit(httpMethod, target);
      expect(await route(gateway, httpMethod, target), `${httpMethod} ${target.join('/')}`).toBe(
        expected?.name,
      );
      expect(upstream.take().target).toBe(target.join('/'));
    }
  }
});

test('a path or a method that the contract does not know is passed on, under the name of the rpc for that', async () => {
  const { gateway, upstream } = await start();
  for (const target of [
    '/v2/',
    '/v2/instances/',
    '/v2//instances',
    '/v2/new/thing?a=%zz&a',
    '/scim/v2/Roles',
  ]) {
    expect(await route(gateway, 'GET', target.split('/')), target).toBe(RAW);
    expect(upstream.take()).toMatchObject({ method: 'GET', target });
  }
  for (const { path: template } of declared) {
    const path = template.replaceAll(/\{\w+\}/g, '7').split('/');
    expect(await route(gateway, 'TRACE', path), template).toBe(RAW);
    expect(upstream.take()).toMatchObject({ method: 'TRACE', target: path.join('/') });
  }
});

test('a path that leads elsewhere on its way is refused, in every spelling', async () => {
  const { gateway, upstream } = await start();
  for (const segment of [
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '.%2E',
    '%252e%252e',
    '..;v=1',
    '%00',
    '%0a',
    '%5c..',
    'a\\b',
  ])
    for (const target of [`/v2/instances/${segment}`, `/v2/instances/${segment}/halt`]) {
      const { status, body } = await gateway.http('GET', target);
      expect([status, JSON.parse(String(body)).status, target]).toEqual([400, 400, target]);
    }
  expect(upstream.untaken).toBe(0);
});

test('a path that is not one of Vultr is not passed on', async () => {
  const { gateway, upstream } = await start();
  for (const target of ['/v2', '/v1/regions', '/%76%32/regions', '/V2/regions', '/api/v2/regions'])
    expect((await gateway.http('GET', target)).status, target).toBe(404);
  expect(upstream.untaken).toBe(0);
});
