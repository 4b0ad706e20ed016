import type { CallError } from '../status/call-error.ts';
import type { VultrRequest } from './request.ts';
import { DONE_RULES } from './text-rules.ts';

/**
 * Whether a refusal of a repeated request says that things already are as the request wants them: then an earlier attempt,
 * whose response was lost, has done it. Only meaningful when an earlier attempt may have reached Vultr.
 */
export function isAlreadyDone({ method, path, kind }: VultrRequest, { code, vultr }: CallError): boolean {
  if (kind !== 'change' || vultr === undefined) return false;
  if (method === 'DELETE' && code === 'NOT_FOUND') return true;
  return DONE_RULES.some(
    (rule) =>
      (rule.method === undefined || rule.method === method) &&
      rule.path.test(path) &&
      rule.pattern.test(vultr.error),
  );
}
