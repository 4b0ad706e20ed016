import { CallError } from '../status/call-error.ts';
import type { ChangeForm } from './watch-thing.ts';

/** The parameters of a watch, and the rest of its query. */
export interface WatchQuery {
  /** The query without the parameters of this service; the others are as they came. */
  readonly query: string;
  readonly until: string;
  readonly fields: readonly string[];
  readonly form: ChangeForm;
}

const PARAMETERS = ['until', 'fields', 'patch'] as const;

/**
 * Removes from the query of a watched read the parameters that are not for Vultr: `until`, a condition; `fields`, paths
 * separated by commas; `patch`, merge or json.
 * @throws CallError INVALID_ARGUMENT when one is malformed or given twice
 */
export function readWatchQuery(query: string): WatchQuery {
  const own = new Map<string, string>();
  const others: string[] = [];
  for (const part of query.split('&')) {
    const [name = ''] = part.split('=', 1);
    if (!PARAMETERS.some((one) => one === name)) {
      others.push(part);
      continue;
    }
    if (own.has(name)) throw invalid(name, 'Must be given only once.');
    own.set(name, decode(name, part.slice(name.length + 1)));
  }
  const patch = own.get('patch') ?? '';
  if (!['', 'merge', 'json'].includes(patch)) throw invalid('patch', 'Must be merge or json.');
  return {
    query: others.join('&'),
    until: own.get('until') ?? '',
    fields: (own.get('fields') ?? '').split(',').filter((path) => path !== ''),
    form: patch === '' ? 'whole' : patch === 'merge' ? 'merge-patch' : 'json-patch',
  };
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalid(name, 'Must be percent-encoded UTF-8.');
  }
}

function invalid(field: string, description: string): CallError {
  return CallError.invalid([{ field, description }]);
}
