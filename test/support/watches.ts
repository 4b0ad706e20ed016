import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import type { JsonObject } from '../../src/payload/json.ts';
import type { CallerShare } from '../../src/rpc/call.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import type { VultrResponse } from '../../src/vultr/request.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../../src/vultr/vultr.ts';
import { NO_GOAL } from '../../src/watch/goal.ts';
import type { WatchesOptions, WatchTarget } from '../../src/watch/options.ts';
import { compileFields } from '../../src/watch/select-fields.ts';
import { type WatchEvent, type WatchWish, watchThing } from '../../src/watch/watch-thing.ts';
import { Watches } from '../../src/watch/watches.ts';
import { ManualClock } from './clock.ts';

/** The contract as it is served. */
export const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
/** Names the operation of the contract that a request is for. */
export const resolve = createResolver(contract);

/** A request to the Vultr of a test, and on whose behalf it was made. */
interface Asked extends UpstreamRequest {
  readonly caller: string | undefined;
}

/** Vultr with instances that a test changes, and no time of its own. Its cursors are positions. */
function createVultr({ listsIds = true } = {}) {
  const instances = new Map<string, JsonObject>();
  const asked: Asked[] = [];
  let failure: CallError | undefined;
  const answer = (value: unknown): VultrResponse => ({
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(value)),
    attempts: 1,
  });
  const pageOf = ({ query }: UpstreamRequest): JsonObject => {
    const parameters = new URLSearchParams(query);
    const at = Number(parameters.get('cursor') ?? 0);
    const end = at + Number(parameters.get('per_page') ?? 100);
    const shown = [...instances.values()].slice(at, end);
    const next = end < instances.size ? String(end) : '';
    const elements = listsIds ? shown : shown.map(({ id: _, ...others }) => others);
    return { instances: elements, meta: { total: instances.size, links: { next } } };
  };
  const vultr: Vultr = {
    call: async (_operation, request, options: CallOptions) => {
      expect(options.isPoll).toBe(true);
      asked.push({ ...request, caller: options.caller?.name });
      if (failure !== undefined) throw failure;
      if (request.path === '/v2/instances') return answer(pageOf(request));
      const instance = instances.get(request.path.slice('/v2/instances/'.length));
      if (instance === undefined) throw new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'instance not found');
      return answer({ instance });
    },
  };
  return {
    vultr,
    asked,
    set: (id: string, fields: JsonObject) => instances.set(id, { id, status: 'active', ...fields }),
    remove: (id: string) => instances.delete(id),
    fail: (error: CallError | undefined) => {
      failure = error;
    },
  };
}

/** Watches on a clock that stands still, in front of instances that the test changes. */
export function openWatches(options: Partial<WatchesOptions> = {}, shown: { listsIds?: boolean } = {}) {
  const clock = new ManualClock();
  const upstream = createVultr(shown);
  const watches = new Watches({ vultr: upstream.vultr, clock, resolve, ...options });
  return { clock, ...upstream, watches };
}

/** The watch of an instance. */
export function targetOf(id: string, credential = 'KEY', caller?: CallerShare): WatchTarget {
  return { ...targetAt(`/v2/instances/${id}`), credential, caller };
}

/** The watch of whatever is read at a path. */
export function targetAt(path: string): WatchTarget {
  const request = { method: 'GET', path, query: '', body: undefined };
  return { operation: resolve('GET', path), request, credential: 'KEY' };
}

/** A watch of whole states that waits for nothing, unless something else is wished for. */
export function wholeStates(signal: AbortSignal, wish: Partial<WatchWish> = {}): WatchWish {
  return { goal: NO_GOAL, select: compileFields([]), form: 'whole', lastId: '', signal, ...wish };
}

/** Begins a watch whose events are collected as they come. */
export function begin(watches: Watches, target: WatchTarget, wish: Partial<WatchWish> = {}) {
  const leaving = new AbortController();
  const events: WatchEvent[] = [];
  let error: unknown;
  const over = (async () => {
    try {
      for await (const event of watchThing(watches, target, wholeStates(leaving.signal, wish)))
        events.push(event);
    } catch (thrown) {
      error = thrown;
    }
  })();
  return {
    events,
    over,
    get error() {
      return CallError.from(error);
    },
    leave: async () => {
      leaving.abort();
      await over;
    },
  };
}
