import type { VultrRequest } from './request.ts';

/**
 * What an error has to add when a request may have reached Vultr and its response is lost: nothing for a read; for a change
 * a sentence, because a blind repetition can buy a second machine. It starts with a space.
 */
export function outcomeUnknown(request: Pick<VultrRequest, 'kind'>): string {
  if (request.kind !== 'change') return '';
  return ' Whether Vultr has carried out the request is not known: check before you repeat it.';
}
