import { STATUS_CODES } from 'node:http';
import { renderError } from '../pages/error-page.ts';
import { HTML, PAGE_HEADERS } from '../pages/layout.ts';
import type { CallError } from '../status/call-error.ts';
import { statusMessage } from '../status/rpc-status.ts';

/** A failure as the page of a person. */
export function toErrorPage(
  error: CallError,
  { status, json, requestId }: { status: number; json: unknown; requestId: string | undefined },
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } {
  const page = renderError({
    status,
    title: STATUS_CODES[status] ?? 'Failure',
    message: statusMessage(error),
    reason: error.reason,
    violations: error.violations.slice(0, 50),
    suggestion: error.metadata['suggestion'],
    retryAfterS:
      error.retryDelayMs === undefined ? undefined : Math.ceil(Math.max(0, error.retryDelayMs) / 1_000),
    requestId,
    json: JSON.stringify(json, undefined, 2),
  });
  return { headers: { ...PAGE_HEADERS, 'content-type': HTML }, body: Buffer.from(page) };
}
