import type { Code } from './code.ts';
import type { Reason } from './reasons.ts';

/** One field that is missing or malformed, as in google.rpc.BadRequest. */
export interface FieldViolation {
  /** Where, as a path of proto field names: `until.status`, `block_devices[0].disk_size`. */
  readonly field: string;
  /** What is wrong and what to do, as a sentence. */
  readonly description: string;
}

/** A failure that Vultr reported. */
export interface VultrFailure {
  /** The HTTP status that counts: the one that came, or the one in an error object that came with 200. */
  readonly status: number;
  /** The reason in Vultr's words, or what replaces them. */
  readonly error: string;
  /** How long Vultr's Retry-After header asks to wait. */
  readonly retryAfterMs?: number;
  /** The response as it came, for callers of the drop-in API; left out when it echoes the API key. */
  readonly response?: {
    readonly status: number;
    readonly contentType: string;
    readonly retryAfter?: string;
    readonly body: Uint8Array;
  };
}

/** A detail of an error that is encoded already: a message of a type of its own. */
export interface ErrorDetail {
  /** The full name of its type: `google.rpc.Help`. */
  readonly type: string;
  readonly value: Uint8Array;
}

/** What a CallError consists of apart from code, reason and message. */
export interface CallErrorOptions {
  /** Facts for programs, for google.rpc.ErrorInfo.metadata. No secrets. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** When to ask again, for google.rpc.RetryInfo. */
  readonly retryDelayMs?: number;
  /** What Vultr said, when the error is Vultr's. */
  readonly vultr?: VultrFailure;
  /** The HTTP status of the reply, when it is not that of the code. */
  readonly httpStatus?: number;
  /** What the caller gets as details in the place of the usual ones; default: those that follow from the rest of the error. */
  readonly details?: readonly ErrorDetail[];
  /** HTTP headers that belong to the error, for example Allow. */
  readonly httpHeaders?: Readonly<Record<string, string>>;
  /** `no`: it is certain that Vultr has not carried out the request. Default `maybe`. */
  readonly reached?: 'no' | 'maybe';
  /** What led to it. For the log only, never sent. */
  readonly cause?: unknown;
}

/**
 * The failure of a call: what the caller learns, whatever the transport. The message is for the caller, so it never contains
 * a secret or the text of an unexpected error; `cause` is for the log.
 */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: Code;
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryDelayMs: number | undefined;
  readonly vultr: VultrFailure | undefined;
  readonly httpStatus: number | undefined;
  readonly httpHeaders: Readonly<Record<string, string>>;
  readonly details: readonly ErrorDetail[] | undefined;
  /** `no`: it is certain that Vultr has not carried out the request. */
  readonly reached: 'no' | 'maybe';

  constructor(code: Code, reason: Reason, message: string, options: CallErrorOptions = {}) {
    super(message.toWellFormed(), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryDelayMs = options.retryDelayMs;
    this.vultr = options.vultr;
    this.httpStatus = options.httpStatus;
    this.httpHeaders = options.httpHeaders ?? {};
    this.details = options.details;
    this.reached = options.reached ?? 'maybe';
  }

  /** Who found the fault, for google.rpc.ErrorInfo.domain. */
  get domain(): 'vultr.com' | 'vultr-grpc' {
    return this.vultr === undefined ? 'vultr-grpc' : 'vultr.com';
  }

  /** The same error with another time to ask again. */
  withRetryDelay(retryDelayMs: number): CallError {
    const { metadata, violations, vultr, details, httpStatus, httpHeaders, reached, cause } = this;
    return new CallError(this.code, this.reason, this.message, {
      metadata,
      violations,
      httpHeaders,
      reached,
      retryDelayMs,
      ...(vultr !== undefined && { vultr }),
      ...(details !== undefined && { details }),
      ...(httpStatus !== undefined && { httpStatus }),
      ...(cause !== undefined && { cause }),
    });
  }

  /** Classifies whatever was thrown: a CallError stays as it is, anything else becomes INTERNAL with a fixed text. */
  static from(thrown: unknown): CallError {
    if (thrown instanceof CallError) return thrown;
    return new CallError(
      'INTERNAL',
      'INTERNAL_ERROR',
      'The service failed in an unexpected way. Its log says more under the request id of this call.',
      { cause: thrown },
    );
  }

  /**
   * INVALID_ARGUMENT with every violation.
   * @param violations at least one
   */
  static invalid(violations: readonly FieldViolation[], options: CallErrorOptions = {}): CallError {
    const text = violations
      .map(({ field, description }) => (field ? `${field}: ${description}` : description))
      .join(' ');
    return new CallError('INVALID_ARGUMENT', 'INVALID_REQUEST', text, { ...options, violations });
  }
}
