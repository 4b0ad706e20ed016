import type { Operation } from '../contract/operation.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import type { Call, Handler, Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { walkReply, watchReply } from './encode-watch.ts';
import { compileGoal } from './goal.ts';
import { isObject } from './json-diff.ts';
import { isWatchable } from './observe-changes.ts';
import { type NamedRead, readNamed } from './read-request.ts';
import { compileFields } from './select-fields.ts';
import { walkList } from './walk-list.ts';
import { readWatchQuery } from './watch-query.ts';
import { type ChangeForm, watchThing } from './watch-thing.ts';
import type { Watches } from './watches.ts';

/** What the watch service stands on. */
export interface WatchServiceOptions {
  readonly watches: Watches;
  readonly vultr: Vultr;
  readonly operations: ReadonlyMap<string, Operation>;
}

/** vultr.v2.WatchRequest.Form, by number. */
const FORMS: readonly ChangeForm[] = ['whole', 'merge-patch', 'json-patch'];

/** How streams are served that are not rpcs: a read over HTTP that is watched, a list that is walked. */
export type StreamView = 'watch' | 'walk';

/** What serves WatchService, and the same over HTTP. */
export interface WatchService {
  /** The handlers, by the full names of the operations. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** The handlers of requests that are passed on, by what their caller wants of them. */
  readonly views: Readonly<Record<StreamView, (call: Call) => AsyncIterable<Reply>>>;
}

/** Makes it. */
export function createWatchService({ watches, vultr, operations }: WatchServiceOptions): WatchService {
  const isForwarded = ({ bindings: [binding] }: Operation): boolean =>
    binding !== undefined && isVultrPath(binding.template.source);
  const named = (request: Message): NamedRead => readNamed(request, operations, isForwarded);

  async function* watch(call: Call): AsyncGenerator<Reply> {
    const { request: message, credential, signal } = call;
    const { operation, request } = named(message);
    const wish = {
      goal: compileGoal(text(message['until']), operation.states),
      select: compileFields(texts(message['fields'])),
      form: FORMS[Number(message['form'] ?? 0)] ?? 'whole',
      lastId: text(message['last_id']),
      signal,
    };
    for await (const event of watchThing(watches, { operation, request, credential }, wish))
      yield watchReply(event);
  }

  async function* walk(call: Call): AsyncGenerator<Reply> {
    const { operation, request } = named(call.request);
    yield* walkReplies(call, operation, request, texts(call.request['fields']));
  }

  async function* walkReplies(
    { credential, signal, deadline }: Call,
    operation: Operation,
    request: NamedRead['request'],
    fields: readonly string[],
  ): AsyncGenerator<Reply> {
    const select = compileFields(fields);
    let index = 0;
    for await (const element of walkList(vultr, operation, request, { credential, signal, deadline })) {
      yield walkReply(index, isObject(element) ? select(element) : element);
      index += 1;
    }
  }

  return {
    handlers: new Map<string, Handler>([
      ['vultr.v2.WatchService/Watch', { kind: 'server_streaming', handle: watch }],
      ['vultr.v2.WatchService/Walk', { kind: 'server_streaming', handle: walk }],
    ]),
    views: {
      watch: async function* (call) {
        const { operation, credential, signal } = call;
        const { query, until, fields, form } = readWatchQuery(verbatim(call).query);
        const wish = {
          goal: compileGoal(until, operation.states),
          select: compileFields(fields),
          form,
          lastId: call.metadata.get('last-event-id') ?? '',
          signal,
        };
        const target = { operation, request: { ...verbatim(call), query }, credential };
        for await (const event of watchThing(watches, target, wish)) yield watchReply(event);
      },
      walk: async function* (call) {
        const { query, fields } = readWatchQuery(verbatim(call).query);
        yield* walkReplies(call, call.operation, { ...verbatim(call), query }, fields);
      },
    },
  };
}

/** The request that is watched, as it is sent; what it accepts is the service's business. */
function verbatim({ operation, verbatim: request }: Call): NamedRead['request'] {
  if (request === undefined || !isWatchable(operation)) {
    const description =
      'The contract does not know this request as one that only reads, so it cannot be watched.';
    throw CallError.invalid([{ field: 'accept', description }], { httpStatus: 406 });
  }
  const { method, path, query } = request;
  return { method, path, query, body: undefined };
}

function text(value: Message[string] | undefined): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: Message[string] | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(text) : [];
}
