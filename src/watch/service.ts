import type { Operation } from '../contract/operation.ts';
import type { Call, Handler, Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { walkReply, watchReply } from './encode-watch.ts';
import { compileGoal } from './goal.ts';
import { isObject } from './json-diff.ts';
import { isWatchable } from './observe-changes.ts';
import { ownerOf } from './options.ts';
import { type NamedRead, readNamed } from './read-request.ts';
import { compileFields } from './select-fields.ts';
import { walkList } from './walk-list.ts';
import { readWatchQuery } from './watch-query.ts';
import { type ChangeForm, watchThing } from './watch-thing.ts';
import type { Watches } from './watches.ts';

/** The options of the watch service. */
export interface WatchServiceOptions {
  readonly watches: Watches;
  readonly vultr: Vultr;
  readonly operations: ReadonlyMap<string, Operation>;
}

/** vultr.v2.WatchRequest.Form, by number. */
const FORMS: readonly ChangeForm[] = ['whole', 'merge-patch', 'json-patch'];

/** Serves streams that are not rpcs: a read over HTTP that is watched, a list that is walked. */
export type StreamView = 'watch' | 'walk';

/** Serves WatchService, and the same over HTTP. */
export interface WatchService {
  /** The handlers, by the full names of the operations. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** The handlers of requests that are passed on, by the view that their caller asks for. */
  readonly views: Readonly<Record<StreamView, (call: Call) => AsyncIterable<Reply>>>;
}

/** Creates the watch service. */
export function createWatchService(options: WatchServiceOptions): WatchService {
  const named = (message: Message): NamedRead => readNamed(message, options.operations);
  const handlers = new Map<string, Handler>([
    [
      'vultr.v2.WatchService/Watch',
      {
        kind: 'server_streaming',
        handle: (call) =>
          watchReplies(options, call, { ...named(call.request), ...readWatchMessage(call.request) }),
      },
    ],
    [
      'vultr.v2.WatchService/Walk',
      {
        kind: 'server_streaming',
        handle: (call) =>
          walkReplies(options, call, { ...named(call.request), fields: texts(call.request['fields']) }),
      },
    ],
  ]);
  return {
    handlers,
    views: {
      watch: (call) => {
        const { query, ...wanted } = readWatchQuery(verbatim(call).query);
        const lastId = call.metadata.get('last-event-id') ?? '';
        const request = { ...verbatim(call), query };
        return watchReplies(options, call, { ...wanted, operation: call.operation, request, lastId });
      },
      walk: (call) => {
        const { query, fields } = readWatchQuery(verbatim(call).query);
        const request = { ...verbatim(call), query };
        return walkReplies(options, call, { operation: call.operation, request, fields });
      },
    },
  };
}

/** A watch as a caller asks for it, over either transport. */
interface WantedWatch extends NamedRead {
  readonly until: string;
  readonly fields: readonly string[];
  readonly form: ChangeForm;
  readonly lastId: string;
}

async function* watchReplies(
  { watches }: WatchServiceOptions,
  call: Call,
  { operation, request, until, fields, form, lastId }: WantedWatch,
): AsyncGenerator<Reply> {
  const { signal } = call;
  const goal = await compileGoal(until, operation.states);
  const wish = { goal, select: compileFields(fields), form, lastId, signal };
  for await (const event of watchThing(watches, { ...ownerOf(call), operation, request }, wish)) {
    yield watchReply(event);
  }
}

async function* walkReplies(
  { vultr }: WatchServiceOptions,
  call: Call,
  { operation, request, fields }: NamedRead & Pick<WantedWatch, 'fields'>,
): AsyncGenerator<Reply> {
  const { signal, deadline } = call;
  const select = compileFields(fields);
  let index = 0;
  for await (const element of walkList(vultr, operation, request, { ...ownerOf(call), signal, deadline })) {
    yield walkReply(index, isObject(element) ? select(element) : element);
    index += 1;
  }
}

function readWatchMessage(message: Message): Omit<WantedWatch, keyof NamedRead> {
  return {
    until: text(message['until']),
    fields: texts(message['fields']),
    form: FORMS[Number(message['form'] ?? 0)] ?? 'whole',
    lastId: text(message['last_id']),
  };
}

/** The request to watch, as it is sent to Vultr. The service itself decides what it accepts. */
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
