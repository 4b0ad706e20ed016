import type { Operation } from '../contract/operation.ts';
import { type JsonObject, type JsonValue, stringifyJson } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../vultr/vultr.ts';
import { isObject } from './json-diff.ts';
import { findElements, firstPage, nextPage } from './list-page.ts';

/** How often a list may be restarted without a new element in between. */
const MAX_RESTARTS = 3;

/** The most elements of one walk: their ids are remembered. */
const MAX_ELEMENTS = 1_000_000;

/**
 * Yields every element of a list, once and in order, page after page. When Vultr no longer takes a cursor, the list is read
 * again from its start, and elements that were yielded before are left out.
 * @throws CallError whatever reading the list fails with; INVALID_ARGUMENT when it is not a list
 */
export async function* walkList(
  vultr: Vultr,
  operation: Operation,
  request: UpstreamRequest,
  options: CallOptions,
): AsyncGenerator<JsonValue> {
  const told = new Set<string>();
  const first = firstPage(operation, request);
  let restarts = 0;
  for (let page: UpstreamRequest | undefined = first; page !== undefined; ) {
    let value: JsonObject;
    try {
      value = payloadOf((await vultr.call(operation, page, options)).body).value;
    } catch (thrown) {
      const isStaleCursor = page !== first && CallError.from(thrown).code === 'INVALID_ARGUMENT';
      if (!isStaleCursor || restarts >= MAX_RESTARTS) throw thrown;
      restarts += 1;
      page = first;
      continue;
    }
    const elements = findElements(value);
    if (elements === undefined) throw notAList(operation);
    for (const element of elements) {
      const id = identityOf(element);
      if (told.has(id)) continue;
      if (told.size >= MAX_ELEMENTS) throw tooLong();
      told.add(id);
      restarts = 0;
      yield element;
    }
    page = nextPage(first, page, value);
  }
}

/** The identity of an element: its id or, where it has none, all of it. */
function identityOf(element: JsonValue): string {
  const id = isObject(element) ? element['id'] : undefined;
  return typeof id === 'string' || typeof id === 'number' ? `id ${id}` : stringifyJson(element);
}

function notAList({ name }: Operation): CallError {
  const description = `The response of ${name} is not a list. Call it without walking.`;
  return CallError.invalid([{ field: 'operation', description }], { httpStatus: 406 });
}

function tooLong(): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'REQUEST_TOO_LARGE',
    `The list has more than ${MAX_ELEMENTS} elements. Use its filters, or read it page by page.`,
  );
}
