import { create, type Message } from '@bufbuild/protobuf';
import { rpc } from './declared.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type RecordingUpstream, startRecordingUpstream } from './recording-upstream.ts';

/** An operation with fields of every kind: PATCH /v2/instances/{instance_id}. */
export const UPDATE = rpc('UpdateInstance');

/** The target of an UPDATE over HTTP. */
export const TARGET = '/v2/instances/i-1';

/** Starts the service in front of a recording upstream. Both are closed when the test ends. */
export async function start(): Promise<Gateway & { readonly upstream: RecordingUpstream }> {
  const upstream = await startRecordingUpstream();
  return { ...(await startGateway(upstream.url)), upstream };
}

/** A request of UPDATE, by the local names of protobuf-es. */
export function update(fields: Record<string, unknown>): Message {
  return create(UPDATE.input, { instanceId: 'i-1', ...fields } as never);
}
