import type { Creation } from '../../src/idempotency/creation.ts';
import { CallError } from '../../src/status/call-error.ts';
import type { VultrResponse } from '../../src/vultr/request.ts';
import type { ManualClock } from './budget.ts';

/** The failure of a request whose response was lost. */
export const LOST = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'lost');

/** What Vultr does with a request: it makes a resource or not, and responds or fails. */
export interface Fate {
  readonly makes?: boolean;
  readonly fails?: CallError;
  /** Fails before anything is handed to the connection. */
  readonly isUnsent?: boolean;
  readonly takesMs?: number;
}

/** Vultr as far as a creation sees it; each post has its fate, the last one for all that follow. */
export function createVultrDouble(clock: ManualClock, fates: readonly Fate[]) {
  const vultr = {
    posts: 0,
    made: 0,
    polls: 0,
    thoroughPolls: 0,
    isListed: true,
    pollFails: false,
    log: [] as string[],
    deadlines: [] as number[],
  };
  const creation = (given: Partial<Creation> = {}): Creation => ({
    key: 'key',
    fields: { plan: 'a' },
    tag: 'tag',
    deadline: clock.now() + 30_000,
    signal: new AbortController().signal,
    post: async (_tag, { signal, deadline, onSend }) => {
      const fate = fates[Math.min(vultr.posts, fates.length - 1)] ?? {};
      vultr.log.push('post');
      vultr.deadlines.push(deadline);
      if (fate.isUnsent === true) {
        if (fate.takesMs !== undefined) {
          await clock.sleep(fate.takesMs, signal).catch(() => {
            throw signal.reason;
          });
        }
        throw fate.fails;
      }
      onSend();
      vultr.posts += 1;
      if (fate.takesMs !== undefined) await clock.sleep(fate.takesMs, signal);
      if (fate.makes !== false) vultr.made += 1;
      if (fate.fails !== undefined) throw fate.fails;
      return toResponse(`made ${vultr.made}`);
    },
    find: async (_tag, isThorough) => {
      vultr.polls += 1;
      if (isThorough) vultr.thoroughPolls += 1;
      if (vultr.pollFails) throw LOST;
      return vultr.made > 0 && vultr.isListed ? toResponse(`found ${vultr.made}`) : undefined;
    },
    encrypt: ({ body }) => body,
    decrypt: (encrypted) => toResponse(String(Buffer.from(encrypted))),
    ...given,
  });
  return { vultr, creation };
}

function toResponse(text: string): VultrResponse {
  return { status: 202, contentType: 'application/json', body: Buffer.from(text), attempts: 1 };
}

/** The text of a response, or the reason of the failure. */
export function textOf(work: Promise<VultrResponse>): Promise<string> {
  return work.then(
    ({ body }) => String(Buffer.from(body)),
    (error: CallError) => error.reason,
  );
}
