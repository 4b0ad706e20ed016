import type { Operation } from '../contract/operation.ts';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../vultr/vultr.ts';
import { findElements, findTotal, firstPage, nextPage } from './list-page.ts';
import { ToldElements } from './told-elements.ts';

/** How often a list may be restarted without a new element in between. */
const MAX_RESTARTS = 3;

/** The most elements of one walk: their ids are remembered. */
const MAX_ELEMENTS = 1_000_000;

/**
 * Yields every element of a list, once and in order, page after page. When Vultr no longer takes a cursor, the list is read
 * again from its start, and elements that were yielded before are left out. When its total has changed between two pages, an
 * element may have moved to a page that was read before: the list is read once more, for what is missing.
 * @throws CallError whatever reading the list fails with; INVALID_ARGUMENT when it is not a list
 */
export async function* walkList(
  vultr: Vultr,
  operation: Operation,
  request: UpstreamRequest,
  options: CallOptions,
): AsyncGenerator<JsonValue> {
  const told = new ToldElements();
  const first = firstPage(operation, request);
  const totals = new Totals();
  let restarts = 0;
  // A list that changes all the time would never be complete, so it is read once more and not again.
  let isRepeated = false;
  const startAgain = (): UpstreamRequest => {
    told.startAgain();
    totals.startAgain();
    return first;
  };
  for (let page: UpstreamRequest | undefined = first; page !== undefined; ) {
    let value: JsonObject;
    try {
      value = payloadOf((await vultr.call(operation, page, options)).body).value;
    } catch (thrown) {
      const isStaleCursor = page !== first && CallError.from(thrown).code === 'INVALID_ARGUMENT';
      if (!isStaleCursor || restarts >= MAX_RESTARTS) throw thrown;
      restarts += 1;
      page = startAgain();
      continue;
    }
    const elements = findElements(value);
    if (elements === undefined) throw notAList(operation);
    for (const element of elements) {
      if (!told.add(element)) continue;
      if (told.size > MAX_ELEMENTS) throw tooLong();
      restarts = 0;
      yield element;
    }
    totals.note(value);
    page = nextPage(first, page, value);
    if (page !== undefined || isRepeated || !totals.haveChanged) continue;
    isRepeated = true;
    page = startAgain();
  }
}

/** The totals that the pages of one reading of a list say it has. */
class Totals {
  #last: number | undefined;
  #haveChanged = false;

  /** Whether the list has changed between two of the pages. */
  get haveChanged(): boolean {
    return this.#haveChanged;
  }

  note(page: JsonObject): void {
    const total = findTotal(page);
    this.#haveChanged ||= this.#last !== undefined && total !== undefined && total !== this.#last;
    this.#last = total;
  }

  /** The list is read from its start again. */
  startAgain(): void {
    this.#last = undefined;
    this.#haveChanged = false;
  }
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
