import type { Clock } from '../../base/clock.ts';
import { pause } from '../../base/wait.ts';
import type { Snapshot } from '../../figures/snapshot.ts';
import { HTML, PAGE_HEADERS } from '../../pages/layout.ts';
import { renderFigures, renderLockedStatus, renderStatus } from '../../pages/status-page.ts';
import type { Reply } from '../../rpc/call.ts';
import { CallError } from '../../status/call-error.ts';
import { chooseView, prefersHtml } from '../accept.ts';
import { tooManyViewers } from '../errors.ts';
import type { ExtraReply, ExtraRequest, ExtraRoute } from '../options.ts';
import type { GuardRoute } from './service.ts';

/** What bounds the live page. */
export const STATUS_LIMITS = {
  /** How many may follow at a time. */
  maxViewers: 20,
  /** From one reading of the figures to the next, which all who follow share. */
  intervalMs: 1_000,
  /** How long one stream lasts. Whoever follows connects again, and shows again that it may. */
  streamMs: 60_000,
} as const;

/** The options of the route. */
export interface StatusOptions {
  /** Reads the figures. */
  readonly read: () => Snapshot;
  readonly guard: GuardRoute;
  readonly clock: Clock;
  /** Aborts when the service goes down, which ends the streams. */
  readonly closing: AbortSignal;
  readonly limits?: { readonly maxViewers: number; readonly intervalMs: number; readonly streamMs: number };
}

/** The figures of one moment, in the forms that were asked for. */
interface Reading {
  readonly atMs: number;
  readonly snapshot: Snapshot;
  json?: Uint8Array;
  figures?: Uint8Array;
}

/**
 * `/status`: what is going on. A page for browsers, which follows by itself; JSON for programs; and for both a stream, when
 * `Accept` names server-sent events or JSON lines.
 */
export function createStatusRoute(options: StatusOptions): ExtraRoute {
  const board = new StatusBoard(options);
  const guarded = options.guard('status', (request) => board.reply(request));
  return async (request) => {
    try {
      return await guarded(request);
    } catch (thrown) {
      const error = CallError.from(thrown);
      const isLocked = error.code === 'UNAUTHENTICATED' || error.code === 'PERMISSION_DENIED';
      if (!isLocked || !prefersHtml(request.headers.accept)) throw error;
      // A browser cannot send a key when it opens an address. The page can, once somebody has given it one.
      const isUnknown = error.code === 'UNAUTHENTICATED';
      return {
        status: isUnknown ? 401 : 403,
        contentType: HTML,
        headers: { ...PAGE_HEADERS, ...(isUnknown && { 'www-authenticate': 'Bearer' }) },
        body: Buffer.from(renderLockedStatus(error.message)),
      };
    }
  };
}

/** Reads the figures once for all who look at them within a moment. */
class StatusBoard {
  readonly #options: StatusOptions;
  readonly #limits: NonNullable<StatusOptions['limits']>;
  #viewers = 0;
  #last: Reading | undefined;

  constructor(options: StatusOptions) {
    this.#options = options;
    this.#limits = options.limits ?? STATUS_LIMITS;
  }

  reply({ headers, query, signal }: ExtraRequest): ExtraReply {
    const toBytes = query === 'view=figures' ? figuresOf : jsonOf;
    if (chooseView('GET', headers.accept) !== undefined)
      return { messages: this.#follow(toBytes, AbortSignal.any([signal, this.#options.closing])) };
    const snapshot = this.#options.read();
    const isPage = prefersHtml(headers.accept);
    return {
      status: 200,
      contentType: isPage ? HTML : 'application/json',
      headers: PAGE_HEADERS,
      body: Buffer.from(isPage ? renderStatus(snapshot) : JSON.stringify(snapshot)),
    };
  }

  /** Each reading is made when the viewer has taken the one before: who reads slowly gets fewer, and none waits in memory. */
  async *#follow(toBytes: (reading: Reading) => Uint8Array, signal: AbortSignal): AsyncGenerator<Reply> {
    const { maxViewers, intervalMs, streamMs } = this.#limits;
    const { clock } = this.#options;
    if (this.#viewers >= maxViewers) throw tooManyViewers(maxViewers);
    this.#viewers += 1;
    try {
      const endMs = clock.now() + streamMs;
      while (clock.now() < endMs && !signal.aborted) {
        yield toReply(toBytes(this.#read()));
        await pause(clock, intervalMs, signal);
      }
    } finally {
      this.#viewers -= 1;
    }
  }

  #read(): Reading {
    const atMs = this.#options.clock.now();
    // A little less than the interval, as timers are not exact.
    if (this.#last === undefined || atMs - this.#last.atMs > this.#limits.intervalMs * 0.9)
      this.#last = { atMs, snapshot: this.#options.read() };
    return this.#last;
  }
}

function jsonOf(reading: Reading): Uint8Array {
  reading.json ??= Buffer.from(JSON.stringify(reading.snapshot));
  return reading.json;
}

function figuresOf(reading: Reading): Uint8Array {
  const { snapshot } = reading;
  reading.figures ??= Buffer.from(JSON.stringify({ at: snapshot.at, html: renderFigures(snapshot) }));
  return reading.figures;
}

function toReply(json: Uint8Array): Reply {
  return {
    toBinary: () => {
      throw new Error('Figures have no binary form.');
    },
    toJson: () => json,
  };
}
