import { assertAboveZero } from '../base/limits.ts';

/** How many retries an outage allows. */
export interface RetryBudgetLimits {
  /** The tokens to start with, and the most there are. Default 20. */
  readonly maxTokens: number;
  /** The part of a token that a success brings back. Default 0.1. */
  readonly tokenRatio: number;
}

const DEFAULT_LIMITS: RetryBudgetLimits = { maxTokens: 20, tokenRatio: 0.1 };

/**
 * The retry throttling of gRPC (gRFC A6): a transient failure takes a token, a success brings a part of one back, and
 * retries go on only while more than half of the tokens are there. When everything fails, only the first few requests are
 * repeated; when a tenth fails, all of them are.
 */
export class RetryBudget {
  readonly #limits: RetryBudgetLimits;
  #tokens: number;

  /** @throws TypeError when a limit is not usable */
  constructor(given: Partial<RetryBudgetLimits>) {
    this.#limits = { ...DEFAULT_LIMITS, ...given };
    for (const [name, value] of Object.entries(this.#limits)) {
      assertAboveZero(`retryBudget.${name}`, value);
    }
    this.#tokens = this.#limits.maxTokens;
  }

  /** Tokens left. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Whether a failure may be followed by a retry. */
  get allowsRetry(): boolean {
    return this.#tokens > this.#limits.maxTokens / 2;
  }

  succeed(): void {
    this.#tokens = Math.min(this.#limits.maxTokens, this.#tokens + this.#limits.tokenRatio);
  }

  fail(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }
}
