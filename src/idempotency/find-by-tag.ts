import { stringifyJson } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import { vultrQuery } from '../vultr/path.ts';
import type { Send, VultrResponse } from '../vultr/request.ts';
import type { LookContext } from './creation.ts';
import { carries, memberOf } from './tag-body.ts';
import type { MarkField } from './marks.ts';

/** Vultr's largest page. */
const PAGE_SIZE = 500;

/** The most pages that are read: an account has far fewer resources of a kind. */
const MAX_PAGES = 200;

/** What is looked for, and where. */
export interface Search {
  /** The name of the operation that lists, for telemetry. */
  readonly operation: string;
  readonly path: string;
  readonly credential: string;
  readonly field: MarkField;
  /** Whether the creation is answered with the resource itself. */
  readonly isBare: boolean;
  readonly mark: string;
  /** Whether the whole list is read, no filter of Vultr's being trusted. */
  readonly isThorough: boolean;
}

/**
 * Looks through all pages of a list for the resource that carries a mark. The answer is what its creation would have
 * answered, but for what Vultr tells only then (default_password).
 * @throws CallError whatever reading the list fails with; BAD_UPSTREAM_RESPONSE when it is no list, or has no end
 */
export async function findMarked(
  send: Send,
  search: Search,
  context: LookContext,
): Promise<VultrResponse | undefined> {
  const { operation, path, credential, field, isBare, mark, isThorough } = search;
  const filter = isThorough || field.filter === undefined ? {} : { [field.filter]: mark };
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = vultrQuery({ per_page: PAGE_SIZE, ...filter, cursor });
    const { body } = await send(
      {
        operation,
        method: 'GET',
        path,
        query,
        body: undefined,
        credential,
        kind: 'read',
        repeatable: true,
        isPublic: false,
      },
      context,
    );
    const { value } = payloadOf(body);
    const [listed] = Object.entries(value).filter(([, member]) => Array.isArray(member));
    if (listed === undefined) throw noList('It holds no list.');
    const [key, items] = listed;
    const found = (items as unknown[]).find((item) => carries(item, field, mark));
    if (found !== undefined) return toAnswer(isBare ? found : { [singular(key)]: found });
    const next = memberOf(memberOf(memberOf(value, 'meta'), 'links'), 'next');
    if (typeof next !== 'string' || next === '') return undefined;
    if (next === cursor) throw noList('Its next page is itself.');
    cursor = next;
  }
  throw noList(`It has more than ${MAX_PAGES} pages.`);
}

function toAnswer(value: unknown): VultrResponse {
  return {
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(stringifyJson(value)),
    attempts: 1,
  };
}

/** Vultr answers the creation of one of the `instances` with an `instance`. */
function singular(key: string): string {
  return key.replace(/s$/, '');
}

function noList(what: string): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    `The list that was asked of Vultr is none. ${what}`,
  );
}
