import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';

/** RFC 9110, section 15.5.2: a 401 names an authentication scheme. */
const CHALLENGE = { 'www-authenticate': 'Bearer realm="vultr-grpc"' } as const;

/** UNAUTHENTICATED: nothing proves a caller. */
export function callerUnknown(message: string, cause?: unknown): CallError {
  return new CallError('UNAUTHENTICATED', 'CALLER_UNKNOWN', message, {
    httpHeaders: CHALLENGE,
    reached: 'no',
    ...(cause !== undefined && { cause }),
  });
}

/** UNAUTHENTICATED: proofs of more than one caller. */
export function callerAmbiguous(message: string): CallError {
  return new CallError('UNAUTHENTICATED', 'CALLER_AMBIGUOUS', message, {
    httpHeaders: CHALLENGE,
    reached: 'no',
  });
}

/** UNAVAILABLE: a call under way uses the key of an account that its caller no longer has. */
export function accountChanged(caller: string): CallError {
  return new CallError(
    'UNAVAILABLE',
    'ACCOUNT_UNAVAILABLE',
    `The caller ${caller} has another account now. Repeat the call, which then uses the key of that one.`,
    { retryDelayMs: spreadRetry(1_000, Math.random) },
  );
}

/** PERMISSION_DENIED, naming the caller, the operation, and the rule that was missing or that forbids it. */
export function callerDenied(caller: string, method: string, rule: string): CallError {
  return new CallError(
    'PERMISSION_DENIED',
    'CALLER_DENIED',
    `The caller ${caller} may not call ${method}: ${rule}`,
    { metadata: { caller, method }, reached: 'no' },
  );
}

/** PERMISSION_DENIED: the creation exceeds a limit. */
export function createLimit(caller: string, method: string, rule: string): CallError {
  return new CallError(
    'PERMISSION_DENIED',
    'CREATE_LIMIT',
    `The caller ${caller} may not call ${method} with this request: ${rule}`,
    { metadata: { caller, method }, reached: 'no' },
  );
}

/** RESOURCE_EXHAUSTED: the caller has created as much within the hour as it may. */
export function createQuota(caller: string, perHour: number, retryDelayMs: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'CREATE_QUOTA',
    `The caller ${caller} may create ${perHour} times an hour (create.per_hour) and has done so.`,
    { metadata: { caller }, retryDelayMs, reached: 'no' },
  );
}

/** UNAVAILABLE: something that the decision depends on is out of reach. */
export function policyUnavailable(message: string, cause?: unknown): CallError {
  return new CallError('UNAVAILABLE', 'POLICY_UNAVAILABLE', message, {
    retryDelayMs: spreadRetry(1_000, Math.random),
    reached: 'no',
    ...(cause !== undefined && { cause }),
  });
}

/** UNAUTHENTICATED: a caller without an account must bring a key of its own. */
export function noVultrKey(caller: string): CallError {
  return new CallError(
    'UNAUTHENTICATED',
    'CREDENTIAL_MISSING',
    `The caller ${caller} has no account and must send a Vultr API key of its own.`,
    { reached: 'no' },
  );
}
