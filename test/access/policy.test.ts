import { describe, expect, test } from 'vitest';
import { type Application, type AuthorizerOptions, authorize } from '../../src/access/authorize.ts';
import type { PlanPrices } from '../../src/access/create-limits.ts';
import { type CreationCounter, createLocalCounter } from '../../src/access/creation-counter.ts';
import type { Caller } from '../../src/access/model.ts';
import { explainDecision, policyTable } from '../../src/access/policy-table.ts';
import {
  EMPTY_VIEW,
  type RequestView,
  refuseMethodOverride,
  viewOfRequest,
  viewVerbatim,
} from '../../src/access/request-view.ts';
import type { Effect } from '../../src/contract/effect.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { Message } from '../../src/transcoding/message.ts';
import cases from '../cases/policy.json' with { type: 'json' };
import { modelOf, OPERATIONS, operationOf } from '../support/access.ts';

const model = await modelOf(cases.callers, { env: { KEY: 'KEY' } });

function callerOf(name: string, from = model) {
  const caller = from.callers.find((each) => each.name === name);
  if (caller === undefined) throw new Error(`There is no caller ${name}.`);
  return caller;
}

interface PolicyCase {
  readonly caller: string;
  readonly method: string;
  readonly allowed: boolean;
  readonly effect?: Effect;
  readonly rule?: string;
  readonly reason?: string;
  readonly body?: unknown;
  readonly query?: string;
  readonly message?: Message;
  readonly raw?: Message;
}

function verbatim(body: unknown, query = '', contentType: string | undefined = 'application/json') {
  const isBytes = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = isBytes ? Buffer.from(body) : Buffer.from(JSON.stringify(body) ?? '');
  return {
    method: 'POST',
    path: '/v2/x',
    query,
    contentType,
    accept: undefined,
    body: body === undefined ? undefined : bytes,
  };
}

function viewOfCase({ body, query, message, raw }: PolicyCase): RequestView {
  if (message !== undefined)
    return viewOfRequest({ kind: 'message', message }, { isRaw: false, isForm: false });
  if (raw !== undefined)
    return viewOfRequest({ kind: 'message', message: raw }, { isRaw: true, isForm: false });
  if (body === undefined && query === undefined) return EMPTY_VIEW;
  return viewOfRequest({ kind: 'verbatim', request: verbatim(body, query) }, { isRaw: false, isForm: false });
}

const signal = () => new AbortController().signal;

async function apply(
  given: Partial<Application> & Pick<Application, 'operation'> & { readonly caller: Caller },
  {
    prices = { monthlyCost: async () => undefined },
    counter = createLocalCounter(Date.now),
  }: Partial<AuthorizerOptions> = {},
) {
  const { caller } = given;
  const identity = { caller, id: caller.name };
  return await authorize(
    { identity, view: () => EMPTY_VIEW, idempotencyKey: undefined, signal, ...given },
    { prices, counter },
  );
}

describe('a policy', () => {
  test.each(cases.cases as readonly PolicyCase[])('$caller $method allowed: $allowed', async (policyCase) => {
    const { caller, method, allowed, effect, rule, reason = '' } = policyCase;
    const operation = operationOf(method);
    const outcome = await apply({
      caller: callerOf(caller),
      operation: effect === undefined ? operation : { ...operation, effect },
      view: () => viewOfCase(policyCase),
    }).catch((error: unknown) => error);
    if (allowed) {
      expect(outcome).not.toBeInstanceOf(Error);
      if (rule !== undefined) expect(outcome).toMatchObject({ decision: { rule: { text: rule } } });
      return;
    }
    expect(outcome).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'CALLER_DENIED', reached: 'no' });
    const { message } = outcome as CallError;
    expect(message).toContain(`The caller ${caller} may not call `);
    expect(message).toContain(reason);
    if (rule !== undefined) expect(message).toContain(`deny "${rule}"`);
  });

  test('of no rules denies every operation but health', async () => {
    const caller = callerOf('nobody');
    for (const operation of OPERATIONS) {
      const outcome = apply({ caller, operation });
      if (operation.service.startsWith('grpc.health.')) await expect(outcome).resolves.toBeDefined();
      else await expect(outcome).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
  });

  test('of effect:read allows every READ and nothing else', async () => {
    const caller = callerOf('dashboard');
    for (const operation of OPERATIONS.filter(({ service }) => service.startsWith('vultr.'))) {
      const isAllowed = await apply({ caller, operation }).then(
        () => true,
        () => false,
      );
      expect(isAllowed, operation.name).toBe(operation.effect === 'READ');
    }
  });

  test('looks into a request only where it makes a difference', async () => {
    const view = (): RequestView => {
      throw new CallError('INVALID_ARGUMENT', 'MALFORMED_JSON', 'has two readings');
    };
    const update = operationOf('vultr.v2.InstancesService/UpdateInstance');
    await expect(apply({ caller: callerOf('changer'), operation: update, view })).rejects.toMatchObject({
      reason: 'MALFORMED_JSON',
    });
    // Either way it is allowed: Vultr judges the body, and it counts as what it may do at worst.
    await expect(apply({ caller: callerOf('admin'), operation: update, view })).resolves.toMatchObject({
      effect: 'DESTROY',
    });
    await expect(apply({ caller: callerOf('nobody'), operation: update, view })).rejects.toMatchObject({
      reason: 'CALLER_DENIED',
    });
    await expect(
      apply({
        caller: callerOf('admin'),
        operation: operationOf('vultr.v2.InstancesService/CreateInstance'),
        view,
      }),
    ).resolves.toBeDefined();
  });
});

describe('a body that a policy looks into', () => {
  test.each([
    ['a member twice', '{"plan":"a","plan":"b"}', 'application/json'],
    ['a member twice in escapes', '{"plan":"a","pl\\u0061n":"b"}', 'application/json'],
    ['a list', '[{"plan":"a"}]', 'application/json'],
    ['a text', '"plan"', 'application/json'],
    ['something behind it', '{} {}', 'application/json'],
    ['a byte order mark', '\ufeff{}', 'application/json'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'application/json'],
    ['a comment', '{/**/}', 'application/json'],
    ['no JSON', 'plan=a', 'application/json'],
    ['a form', 'plan=a', 'application/x-www-form-urlencoded'],
    ['plain text', '{}', 'text/plain'],
    ['UTF-16', '{}', 'application/json; charset=utf-16'],
    ['another JSON', '{}', 'application/merge-patch+json'],
  ])('is refused with %s', (_name, body, contentType) => {
    expect(() => viewVerbatim(verbatim(body, '', contentType), false)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  test.each([
    undefined,
    'application/json',
    'Application/JSON; charset="UTF-8"',
    'application/json;charset=utf-8',
  ])('may be of type %s', (contentType) => {
    expect(viewVerbatim(verbatim({ plan: 'a' }, '', contentType), false).valuesOf('plan')).toEqual(['a']);
  });

  test('of an operation that takes forms is read as one, and as nothing else', () => {
    const form = 'application/x-www-form-urlencoded';
    expect(viewVerbatim(verbatim('plan=a&Plan[]=b', 'plan=c', form), true).valuesOf('plan')).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(() => viewVerbatim(verbatim({ plan: 'a' }), true)).toThrow('form-urlencoded');
  });

  test('tells members at every depth, whatever their case', () => {
    const body = { plan: 'a', pools: [{ PLAN: 'b', more: { Plan: ['c', { plan: 'd' }] } }], other: 'plan' };
    expect(viewVerbatim(verbatim(body), false).valuesOf('plan')).toEqual(['a', 'b', 'c', { plan: 'd' }, 'd']);
  });
});

describe('a parameter that stands for another method', () => {
  const operation = { isRaw: false };
  const send = (query: string, body?: string, contentType?: string, method = 'POST') =>
    refuseMethodOverride(
      {
        kind: 'verbatim',
        request: {
          method,
          path: '/v2/x',
          query,
          contentType,
          accept: undefined,
          body: body === undefined ? undefined : Buffer.from(body),
        },
      },
      operation,
    );

  test.each(['_method=DELETE', 'a=b&_METHOD=DELETE', '%5Fmethod=DELETE', '_method[]=DELETE'])(
    '%s is refused, whatever the method',
    (query) => {
      for (const method of ['POST', 'GET', 'HEAD'])
        expect(() => send(query, undefined, undefined, method)).toThrow('_method');
    },
  );

  test.each(['', 'method=DELETE', 'x=_method'])('"%s" is none', (query) => send(query));

  test.each([
    ['{"_method":"DELETE"}', 'application/json'],
    ['{"_method" : "DELETE"}', undefined],
    ['{"a":1,"\\u005fMethod":"DELETE"}', 'application/json; charset=utf-8'],
    ['_method=DELETE', 'application/x-www-form-urlencoded'],
    ['a=b&%5f%6dethod=DELETE', 'application/x-www-form-urlencoded'],
    ['--b\r\ncontent-disposition: form-data; name="_method"\r\n\r\nDELETE\r\n--b--', 'multipart/form-data'],
    ['_method=DELETE', 'text/plain'],
  ])('the body %s of type %s is refused', (body, type) => {
    expect(() => send('', body, type)).toThrow('_method');
  });

  test.each([
    ['{"method":"DELETE","note":"_method"}', 'application/json'],
    [JSON.stringify({ script: '{"_method":"DELETE"}' }), 'application/json'],
    ['{"auth_method":"x"}', 'application/json'],
    ['a=_method', 'application/x-www-form-urlencoded'],
  ])('the body %s of type %s has none', (body, type) => send('', body, type));

  test('is refused in a message, too', () => {
    const raw = { isRaw: true };
    const message = { method: 'POST', path: '/v2/x' };
    for (const more of [{ query: '_method=DELETE' }, { body: { _Method: 'DELETE' } }])
      expect(() => refuseMethodOverride({ kind: 'message', message: { ...message, ...more } }, raw)).toThrow(
        '_method',
      );
    expect(() =>
      refuseMethodOverride(
        { kind: 'message', message: { additional_fields: { _method: 'DELETE' } } },
        operation,
      ),
    ).toThrow('_method');
    refuseMethodOverride({ kind: 'message', message }, raw);
  });
});

describe('limits of creating', async () => {
  const limited = await modelOf(
    `accounts: { prod: { key_env: KEY } }
callers:
  - { name: all, is: [dns: a.example], account: prod, allow: ["*"], create: { regions: [ams, fra], plans: ["vc2-*", "vhp-1*"], monthly_cost_max: 80, per_hour: 2 } }
  - { name: cost, is: [dns: b.example], account: prod, allow: ["*"], create: { monthly_cost_max: 80 } }
  - { name: hour, is: [dns: c.example], account: prod, allow: ["*"], create: { per_hour: 2 } }
`,
    { env: { KEY: 'KEY' } },
  );
  const prices: PlanPrices = {
    monthlyCost: async (plan) => ({ 'vc2-1c-1gb': 5, 'vc2-24c-96gb': 640, 'vhp-1c': 80 })[plan],
  };
  const CREATE = 'vultr.v2.InstancesService/CreateInstance';

  test.each([
    [CREATE, { region: 'ams', plan: 'vc2-1c-1gb' }, undefined],
    [CREATE, { region: 'AMS', plan: 'vhp-1c' }, undefined],
    [CREATE, { region: 'ewr', plan: 'vc2-1c-1gb' }, 'create.regions are ams, fra, and the request names ewr'],
    [CREATE, { plan: 'vc2-1c-1gb' }, 'names no region'],
    [CREATE, { region: null, plan: 'vc2-1c-1gb' }, 'region that is not text'],
    [CREATE, { region: 'ams' }, 'names no plan'],
    [CREATE, { region: 'ams', plan: 'voc-1c' }, 'create.plans are vc2-*, vhp-1*'],
    [CREATE, { region: 'ams', plan: ['vc2-1c-1gb'] }, undefined],
    [CREATE, { region: 'ams', plan: { id: 'vc2' } }, 'plan that is not text'],
    [CREATE, { region: 'ams', plan: 'vc2-24c-96gb' }, 'costs 640 a month'],
    [
      CREATE,
      { region: 'ams', plan: 'vc2-unknown' },
      'neither in the list of plans nor in that of bare metal plans',
    ],
    [CREATE, { region: 'ams', plan: 'vc2-1c-1gb', Plan: 'vc2-24c-96gb' }, 'costs 640'],
    ['vultr.cloud.v1.CloudService/CreateInstance', { region: 'ewr', plan: 'vc2-1c-1gb' }, 'create.regions'],
    [
      'vultr.v2.KubernetesService/CreateKubernetesCluster',
      { region: 'ams', node_pools: [{ plan: 'vc2-24c-96gb' }] },
      'costs 640',
    ],
    ['vultr.v2.KubernetesService/CreateKubernetesCluster', { region: 'ams' }, undefined],
    ['vultr.v2.DnsService/CreateDnsDomain', { domain: 'a.example' }, undefined],
    ['vultr.v2.InstancesService/UpdateInstance', { label: 'x' }, undefined],
    ['vultr.v2.InstancesService/UpdateInstance', { plan: 'vc2-24c-96gb' }, 'costs 640'],
    [
      'vultr.v2.ClustersService/CreateCluster',
      { region: 'ams', plan: 'vc2-1c-1gb', head_node_plan: 'vc2-24c-96gb' },
      'costs 640',
    ],
    [
      'vultr.v2.LoadBalancersService/CreateLoadBalancer',
      { region: 'ams', global_regions: ['ewr'] },
      'names ewr',
    ],
    ['vultr.v2.CdnService/UpdatePullzone', { regions: ['ams', 'ewr'] }, 'names ewr'],
    ['vultr.v2.InstancesService/DeleteInstance', undefined, undefined],
    ['vultr.v2.RawService/Call', {}, 'the contract does not know the operation'],
  ])('%s %j: %s', async (method, body, limit) => {
    const caller = callerOf('all', limited);
    const outcome = apply(
      { caller, operation: operationOf(method), view: () => viewVerbatim(verbatim(body), false) },
      { prices },
    );
    if (limit === undefined) await expect(outcome).resolves.toBeDefined();
    else
      await expect(outcome).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        reason: 'CREATE_LIMIT',
        message: expect.stringContaining(limit),
      });
  });

  test('of cost alone need a plan that has a price', async () => {
    const caller = callerOf('cost', limited);
    const operation = operationOf(CREATE);
    const send = (body: unknown) =>
      apply({ caller, operation, view: () => viewVerbatim(verbatim(body), false) }, { prices });
    await expect(send({ region: 'anywhere', plan: 'vc2-1c-1gb' })).resolves.toBeDefined();
    await expect(send({ region: 'anywhere' })).rejects.toThrow('names no plan');
    await expect(send({ plan: 'vc2-24c-96gb' })).rejects.toThrow('costs 640');
  });

  test('of an hour count creations, those under one key once', async () => {
    let time = 0;
    const counter = createLocalCounter(() => time);
    const caller = callerOf('hour', limited);
    const create = (idempotencyKey?: string) =>
      apply({ caller, operation: operationOf(CREATE), idempotencyKey }, { counter });
    const keyed = await create('key');
    await create('key');
    time = 600_000;
    const { refund } = await create();
    await expect(create()).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'CREATE_QUOTA',
      retryDelayMs: 3_000_000,
    });
    await refund?.();
    await create();
    // Whatever else happened under the key has made something.
    await keyed.refund?.();
    await expect(create()).rejects.toMatchObject({ retryDelayMs: 3_000_000 });
    time = 3_600_000;
    await create();
    await expect(create()).rejects.toMatchObject({ retryDelayMs: 600_000 });
    // What creates nothing is not counted.
    await apply({ caller, operation: operationOf('vultr.v2.InstancesService/ListInstances') }, { counter });
  });

  test('of an hour allow nothing while the count is out of reach', async () => {
    const counter: CreationCounter = {
      take: async () => {
        throw new Error('gone');
      },
      giveBack: async () => undefined,
      close: () => undefined,
    };
    await expect(
      apply({ caller: callerOf('hour', limited), operation: operationOf(CREATE) }, { counter }),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'POLICY_UNAVAILABLE',
    });
  });
});

test('the table of who may do what', () => {
  const lines = policyTable(model, OPERATIONS);
  expect(lines).toHaveLength(model.callers.length + 1);
  expect(lines[0]).toMatch(/^CALLER +ACCOUNT +READ +SECRET +CREATE +CHANGE +DESTROY/);
  expect(lines.find((line) => line.startsWith('dashboard'))).toMatch(
    /^dashboard +prod +all +- +- +- +- +metrics, status/,
  );
  expect(lines.find((line) => line.startsWith('admin'))).toMatch(
    /all +all +all +all +all +reflection, metrics, docs, status/,
  );
});

test('an explanation names the rule, and what the fields would change', async () => {
  const update = operationOf('vultr.v2.InstancesService/UpdateInstance');
  expect(await explainDecision(callerOf('changer'), update, undefined)).toEqual({
    isAllowed: true,
    lines: [
      'ALLOWED: changer calls vultr.v2.InstancesService/UpdateInstance (effect change).',
      'The rule allow "effect:change" allows it.',
      expect.stringContaining('With os_id or app_id or image_id in the request it destroys, and is denied.'),
    ],
  });
  const denied = await explainDecision(callerOf('dashboard'), update, undefined);
  expect(denied.isAllowed).toBe(false);
  expect(denied.lines[1]).toContain('It would take allow');
});
