import { readFileSync } from 'node:fs';
import { loadContract } from '../../src/contract/load.ts';
import { Payload } from '../../src/payload/payload.ts';
import { admitEverybody } from '../../src/pipeline/admission.ts';
import { createPipeline } from '../../src/pipeline/pipeline.ts';
import type { Call, Handler, Incoming, Reply } from '../../src/rpc/call.ts';
import { CallEnd } from '../../src/rpc/call-end.ts';
import { anyReply } from '../../src/rpc/reply.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createMessage, type Message } from '../../src/transcoding/message.ts';
import { collectLog } from './collected-log.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
/** The service whose rpcs the handlers serve. */
export const CLOUD = 'vultr.cloud.v1.CloudService/';
/** An id of an instance. */
export const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
/** A key that is easy to find where it must not be. */
export const KEY = 'KEY-THAT-MUST-NOT-LEAK-0123456789';

/** A handler that answers. */
export const fine = async (): Promise<Reply> => anyReply(Payload.of({ ok: true }));
/** A handler that does not. */
export const never = (): Promise<never> => new Promise(() => undefined);

/** A pipeline whose GetInstance and WatchInstance are the given handlers. */
export function pipelineOf(
  handlers: { unary?: (call: Call) => Promise<Reply>; stream?: (call: Call) => AsyncIterable<Reply> },
  timeoutMs = 5_000,
) {
  const log = collectLog();
  const table = new Map<string, Handler>();
  if (handlers.unary !== undefined)
    table.set(`${CLOUD}GetInstance`, { kind: 'unary', handle: handlers.unary });
  if (handlers.stream !== undefined) {
    table.set(`${CLOUD}WatchInstance`, { kind: 'server_streaming', handle: handlers.stream });
  }
  const timeouts = { default: timeoutMs, max: timeoutMs * 10 };
  const pipeline = createPipeline({
    handlers: table,
    openAdmission: admitEverybody(undefined),
    log: log.log,
    unaryTimeoutMs: timeouts,
    streamTimeoutMs: timeouts,
  });
  return { pipeline, log };
}

/** A call of an rpc as a transport hands it over. */
export function incoming(rpc: string, given: Partial<Incoming> = {}): Incoming {
  const operation = contract.operations.get(CLOUD + rpc);
  if (operation === undefined) throw new Error(`there is no ${rpc}`);
  return {
    operation,
    transport: 'grpc',
    form: 'binary',
    peer: '127.0.0.1:9',
    evidence: () => ({
      address: '127.0.0.1',
      certificate: undefined,
      identityHeaders: {},
      authorization: `Bearer ${KEY}`,
    }),
    metadata: new Map([['authorization', `Bearer ${KEY}`]]),
    ending: new CallEnd(),
    deadline: undefined,
    read: () => ({ kind: 'message', message: request({ instance_id: ID }) }),
    responseMetadata: new Map(),
    ...given,
  };
}

/** A request with these fields. */
export function request(fields: Message): Message {
  return Object.assign(createMessage(), fields);
}

/** The CallError that a promise rejects with. */
export async function failure(work: unknown): Promise<CallError> {
  const outcome = await Promise.resolve(work).then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (outcome instanceof CallError) return outcome;
  throw new Error('a CallError was expected', { cause: outcome });
}

/** Reads a stream to its end and tells how many messages it had. */
export async function drain(replies: AsyncIterable<Reply>): Promise<number> {
  let count = 0;
  for await (const _ of replies) count += 1;
  return count;
}
