import { CallError } from '../status/call-error.ts';
import type { VultrRequest } from './request.ts';

/**
 * The headers of a request, names and values in turn, which is the form that undici reads with the least effort. Public requests
 * carry no credential: Vultr wants it so for its catalogue, and a key that is not sent cannot leak.
 * @throws CallError UNAUTHENTICATED when the request needs an API key and has none, or one that no header can carry
 */
export function toHeaders(request: VultrRequest, userAgent: string): string[] {
  const headers = ['accept', request.accept ?? 'application/json'];
  headers.push('accept-encoding', 'identity');
  // Vultr answers 400 without it, also to requests without a body.
  headers.push('content-type', request.contentType ?? 'application/json');
  headers.push('user-agent', userAgent);
  if (request.traceHeaders !== undefined) headers.push(...Object.entries(request.traceHeaders).flat());
  if (!request.isPublic) headers.push('authorization', toAuthorization(request.credential));
  return headers;
}

function toAuthorization(credential: string | undefined): string {
  if (credential === undefined) {
    throw new CallError(
      'UNAUTHENTICATED',
      'CREDENTIAL_MISSING',
      'This call needs a Vultr API key, and none was given.',
    );
  }
  if (!/^[\x21-\x7e]+$/.test(credential)) {
    throw new CallError(
      'UNAUTHENTICATED',
      'INVALID_API_KEY',
      'The API key is empty or holds characters that no key has, such as spaces or line breaks.',
    );
  }
  return `Bearer ${credential}`;
}
