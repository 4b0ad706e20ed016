import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';

/** What a caller learns of a failure, details read from grpc-status-details-bin. */
export interface GrpcFailure {
  readonly code: string;
  readonly message: string;
  readonly info: ErrorInfo | undefined;
  /** Field and description of each violation. */
  readonly violations: Readonly<Record<string, string>>;
  readonly retryDelayMs: number | undefined;
  readonly status: Status | undefined;
  readonly metadata: Metadata;
}

const TYPES = 'type.googleapis.com/google.rpc.';

/** The failure that a call rejects with. */
export async function failureOf(call: Promise<unknown>): Promise<GrpcFailure> {
  const thrown = await call.then(
    (value) => new Error(`The call succeeded: ${JSON.stringify(value)?.slice(0, 300)}`),
    (error: unknown) => error,
  );
  if (!isServiceError(thrown)) throw thrown;
  const [bytes] = thrown.metadata.get('grpc-status-details-bin');
  const full = Buffer.isBuffer(bytes) ? Status.decode(bytes) : undefined;
  const detail = (name: string): Buffer | undefined =>
    full?.details.find(({ type_url }) => type_url === TYPES + name)?.value;
  const info = detail('ErrorInfo');
  const badRequest = detail('BadRequest');
  const retryInfo = detail('RetryInfo');
  const violations = badRequest === undefined ? [] : BadRequest.decode(badRequest).field_violations;
  const delay = retryInfo === undefined ? undefined : RetryInfo.decode(retryInfo).retry_delay;
  return {
    code: status[thrown.code],
    message: thrown.details,
    info: info === undefined ? undefined : ErrorInfo.decode(info),
    violations: Object.fromEntries(violations.map(({ field, description }) => [field, description])),
    retryDelayMs: delay === undefined ? undefined : Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
    status: full,
    metadata: thrown.metadata,
  };
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'metadata' in thrown && 'details' in thrown;
}
