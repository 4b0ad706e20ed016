/** The source of real time, in milliseconds since 1970. Tests pass their own. */
export interface TimeSource {
  nowMs(): number;
}

/** Wall-clock milliseconds that never run backwards. */
export const systemTime: TimeSource = { nowMs: () => performance.timeOrigin + performance.now() };

/** Sandbox time: it starts at the real time, runs `timeScale` times as fast, and can be moved forward by hand. */
export class SandboxClock {
  readonly #source: TimeSource;
  readonly #timeScale: number;
  readonly #startedAtMs: number;
  #advancedMs = 0;

  /** With a `timeScale` of 60, a minute of sandbox time passes in a second. */
  constructor(source: TimeSource, timeScale: number) {
    this.#source = source;
    this.#timeScale = timeScale;
    this.#startedAtMs = source.nowMs();
  }

  /** Sandbox time in milliseconds since 1970. */
  nowMs(): number {
    return (
      this.#startedAtMs + (this.#source.nowMs() - this.#startedAtMs) * this.#timeScale + this.#advancedMs
    );
  }

  /** Moves sandbox time forward by `ms`; throws a RangeError for a negative or infinite number. */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`advance: ms must be a number >= 0, got ${ms}`);
    this.#advancedMs += ms;
  }

  /** Now in the form of most Vultr fields: `2024-12-02T10:19:45+00:00`. */
  isoNow(): string {
    return iso(this.nowMs());
  }
}

/** `2024-12-02T10:19:45+00:00` of milliseconds since 1970. */
export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;

/** `2024-12-02 10:19:45`, the form of schedules, jobs, VFS, databases, CDN and billing. */
export const spaced = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
