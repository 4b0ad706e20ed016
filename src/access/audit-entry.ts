import { MASK } from '../base/mask-values.ts';
import { clip } from '../base/text.ts';
import { createdId } from '../contract/created-id.ts';
import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import type { IncomingRequest, Transport } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { ADDITIONAL_FIELDS } from '../transcoding/field-names.ts';
import type { Message } from '../transcoding/message.ts';
import type { Identity } from './identify.ts';
import { isSecretName, redact, redactedFields } from './redact.ts';
import { MAX_READ_BYTES, type MaskText, maskSecretsOf, pathVariables, splitPath } from './request-secrets.ts';
import { type ServiceTarget, serviceTarget } from './target.ts';

/** What is known of a call when it is over. */
export interface AuditedCall {
  /** On the wall clock. */
  readonly time: Date;
  /** Undefined: no caller was proven. */
  readonly identity: Identity | undefined;
  /** The address that the call came from. */
  readonly peer: string;
  readonly transport: Transport;
  /** The operation that the request reached. */
  readonly operation: Operation;
  /** Undefined: that of the operation. */
  readonly effect: Effect | undefined;
  /** Undefined: the call was refused before its request was read. */
  readonly request: IncomingRequest | undefined;
  readonly requestId: string;
  readonly traceId: string | undefined;
  /** Undefined: the call succeeded. */
  readonly error: CallError | undefined;
  /** Vultr's response, which holds the id of what was created. */
  readonly response?: Uint8Array | undefined;
}

/** A line of the audit log. */
export type AuditEntry = Readonly<Record<string, unknown>>;

const CHANGING: ReadonlySet<Effect> = new Set(['CREATE', 'CHANGE', 'DESTROY']);

/** Whether a call gets a line: everything that changes something, and every denial. */
export function isAudited({
  operation,
  effect,
  error,
}: Pick<AuditedCall, 'operation' | 'effect' | 'error'>): boolean {
  if (error?.code === 'PERMISSION_DENIED' || error?.code === 'UNAUTHENTICATED') return true;
  if (error?.reason === 'CREATE_QUOTA') return true;
  return CHANGING.has(effect ?? operation.effect);
}

/** Makes the line of a call. */
export function auditEntry(call: AuditedCall): AuditEntry {
  const { operation, request } = call;
  return {
    ...whoAndWhence(call),
    method: operation.name,
    effect: (call.effect ?? operation.effect).toLowerCase(),
    account: accountOf(call.identity),
    ...outcomeOf(call.error, maskSecretsOf(operation, request)),
    ids: [...touchedIds(call)],
    request: request === undefined ? null : describeRequest(operation, request),
    request_id: call.requestId,
    ...(call.traceId !== undefined && { trace_id: call.traceId }),
  };
}

/** What is known of a call before it changes anything. */
export type BegunCall = Omit<AuditedCall, 'error' | 'response'>;

/** Makes the line that a change has begun. The line of its end has the same members. */
export function beginEntry(call: BegunCall): AuditEntry {
  return { ...auditEntry({ ...call, error: undefined }), outcome: 'STARTED' };
}

/** A request for a part of the service that was denied. */
export interface DeniedService
  extends Pick<AuditedCall, 'time' | 'identity' | 'peer' | 'transport' | 'requestId'> {
  readonly part: ServiceTarget;
  readonly error: CallError;
}

/** Makes the line of a request for a part of the service that was denied. */
export function serviceDenialEntry(denied: DeniedService): AuditEntry {
  return {
    ...whoAndWhence(denied),
    method: serviceTarget(denied.part).name,
    effect: 'read',
    account: accountOf(denied.identity),
    ...outcomeOf(denied.error),
    ids: [],
    request: null,
    request_id: denied.requestId,
  };
}

function whoAndWhence({
  time,
  identity,
  peer,
  transport,
}: Pick<AuditedCall, 'time' | 'identity' | 'peer' | 'transport'>): AuditEntry {
  return {
    time: time.toISOString(),
    caller: identity?.caller.name ?? null,
    proof: identity?.proofs ?? [],
    peer,
    transport,
  };
}

function accountOf(identity: Identity | undefined): string | null {
  if (identity?.ownKey !== undefined) return 'own key';
  return identity?.caller.account ?? null;
}

function outcomeOf(error: CallError | undefined, mask: MaskText = String): AuditEntry {
  if (error === undefined) return { outcome: 'OK' };
  return { outcome: error.code, reason: error.reason, error: clip(mask(error.message), 500) };
}

function describeRequest(operation: Operation, request: IncomingRequest): unknown {
  const secret = redactedFields(operation.input);
  if (request.kind === 'message') return redact(flatten(withQuery(request.message)), secret);
  const { method, path, query, body } = request.request;
  return {
    method,
    path: clip(maskPath(operation, path), 500),
    ...(query !== '' && { query: redact(describeQuery(query), secret) }),
    ...(body !== undefined && { body: describeBody(body, secret) }),
  };
}

/** A body that is not a JSON object may be anything, so only its length is recorded. */
function describeBody(body: Uint8Array, secret: ReadonlySet<string>): unknown {
  const value = body.length > MAX_READ_BYTES ? undefined : parseJson(body);
  return typeof value === 'object' && value !== null ? redact(value, secret) : `[${body.length} bytes]`;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** RawService takes path and query as texts, in which nothing could be masked. */
function withQuery(message: Message): Readonly<Record<string, unknown>> {
  const { method, path, query } = message;
  if (typeof method !== 'string' || typeof path !== 'string') return message;
  return {
    ...message,
    path: withoutQuery(path),
    ...(typeof query === 'string' && { query: describeQuery(query) }),
  };
}

/** A query that stands in a path by mistake is not recorded: there is no telling what is in it. */
function withoutQuery(path: string): string {
  const split = splitPath(path);
  return split.query === '' ? path : `${split.path}?${MASK}`;
}

function flatten(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { [ADDITIONAL_FIELDS]: additional, ...fields } = message;
  return typeof additional === 'object' && additional !== null ? { ...additional, ...fields } : fields;
}

/** The parameters of a query; of one that is too long, only its length. */
function describeQuery(query: string): unknown {
  if (query.length > MAX_READ_BYTES) return `[${query.length} characters]`;
  return Object.fromEntries(new URLSearchParams(query));
}

/** The form that a path variable or a field must have to be recorded as an id. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** The Vultr ids that a call names or has created. */
function touchedIds({ operation, request, response }: AuditedCall): ReadonlySet<string> {
  const ids = new Set<string>();
  if (request?.kind === 'message') {
    for (const name of idFields(operation)) {
      const value = request.message[name];
      if (typeof value === 'string' && ID.test(value)) ids.add(value);
    }
    const { path } = request.message;
    if (operation.isRaw && typeof path === 'string') addUuids(ids, path);
  } else if (request !== undefined) {
    addVariables(ids, operation, request.request.path);
    addUuids(ids, request.request.path);
  }
  const created = response === undefined ? undefined : createdId(operation.create, parseJson(response));
  if (created !== undefined) ids.add(created);
  return ids;
}

/** The fields in the operation's Vultr path, and those that name an instance in requests of CloudService. */
function idFields({ bindings, input }: Operation): readonly string[] {
  const variables = bindings[0]?.template.variables.map(({ fieldPath }) => fieldPath.join('.')) ?? [];
  const named = input.fields.map(({ name }) => name).filter((name) => name === 'instance_id');
  return [...new Set([...variables, ...named])].filter((name) => !isSecretName(name));
}

function addUuids(ids: Set<string>, path: string): void {
  for (const [id] of path.matchAll(UUID)) ids.add(id);
}

function addVariables(ids: Set<string>, operation: Operation, path: string): void {
  const segments = path.split('/');
  for (const { index, isSecret } of pathVariables(operation)) {
    const segment = segments[index];
    if (!isSecret && segment !== undefined && ID.test(segment)) ids.add(segment);
  }
}

/** A path without the variables that are secrets, such as the token of a session. */
function maskPath(operation: Operation, given: string): string {
  const path = withoutQuery(given);
  const secret = new Set(
    pathVariables(operation).flatMap(({ index, isSecret }) => (isSecret ? [index] : [])),
  );
  if (secret.size === 0) return path;
  return path
    .split('/')
    .map((segment, index) => (secret.has(index) ? MASK : segment))
    .join('/');
}
