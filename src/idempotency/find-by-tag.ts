import { memberOf } from '../contract/created-id.ts';
import type { CreateRule, TagField } from '../contract/effect.ts';
import { stringifyJson } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { createMessage, type Message } from '../transcoding/message.ts';
import { createRouter, type Router } from '../transcoding/router.ts';
import { encodeRequest } from '../vultr/encode.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { CallOptions, UpstreamOperation, UpstreamRequest, Vultr } from '../vultr/vultr.ts';
import { carriesTag } from './correlation-tag.ts';

/** Vultr's largest page. */
const PAGE_SIZE = 500;

/** The most pages that are read: an account has far fewer resources of a kind. */
const MAX_PAGES = 200;

/** What is looked for, and where. */
export interface Search {
  readonly list: NonNullable<CreateRule['list']>;
  /** Where the response to the creation names the thing. */
  readonly idPaths: CreateRule['idPaths'];
  /** The fields of the list's path. */
  readonly pathFields: Message;
  readonly field: TagField;
  readonly tag: string;
  /** Whether the whole list is read, without trusting a filter of Vultr's. */
  readonly isThorough: boolean;
}

/**
 * Looks through all pages of a list for the resource that carries a tag. The response is what its creation would have
 * returned, except for what Vultr tells only then (default_password).
 * @returns undefined when the list does not hold it
 * @throws CallError whatever reading the list fails with; BAD_UPSTREAM_RESPONSE when it is not a list, or not a whole one
 */
export async function findByTag(
  vultr: Vultr,
  search: Search,
  options: CallOptions,
): Promise<VultrResponse | undefined> {
  const { list, idPaths, pathFields, field, tag, isThorough } = search;
  const has = (name: string): boolean => list.input.fields.some((each) => each.name === name);
  const filter = isThorough || field.filter === undefined ? {} : { [field.filter]: tag };
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const fields: Message = {
      ...pathFields,
      ...filter,
      ...(has('per_page') && { per_page: PAGE_SIZE }),
      ...(cursor !== undefined && { cursor }),
    };
    const { body } = await vultr.call(list, encodeRequest(list, fields), options);
    const { value } = payloadOf(body);
    const items = Object.values(value).find((member) => Array.isArray(member));
    if (items === undefined) throw notAList('It does not hold a list.');
    const found = items.find((item) => carriesTag(item, field, tag));
    if (found !== undefined) return toResponse(found, idPaths[0] ?? []);
    const next = memberOf(memberOf(memberOf(value, 'meta'), 'links'), 'next');
    if (typeof next !== 'string' || next === '') return undefined;
    if (!has('cursor')) throw notAList('It has a next page that cannot be requested.');
    if (next === cursor) throw notAList('Its next page is the same page again.');
    cursor = next;
  }
  throw notAList(`It has more than ${MAX_PAGES} pages.`);
}

/** One for each operation, made when it is first needed. */
const routers = new WeakMap<readonly HttpBinding[], Router<undefined>>();

/** The fields of a list's path, read from the path of a creation: the list is found below the same things. */
export function readListPath(
  { bindings }: Pick<UpstreamOperation, 'bindings'>,
  { method, path }: UpstreamRequest,
  list: Search['list'],
): Message {
  const router =
    routers.get(bindings) ?? createRouter(bindings.map((binding) => ({ binding, target: undefined })));
  routers.set(bindings, router);
  const fields = createMessage();
  const match = router.match(method, path);
  if (match.kind !== 'match') return fields;
  for (const [index, { fieldPath }] of match.binding.template.variables.entries()) {
    const name = fieldPath.join('.');
    if (list.input.fields.some((field) => field.name === name)) fields[name] = match.values[index] ?? '';
  }
  return fields;
}

/** The resource where the creation's response would have it: around its id. */
function toResponse(resource: unknown, idPath: readonly string[]): VultrResponse {
  const value = idPath
    .slice(0, -1)
    .reduceRight<unknown>((inner, name) => (/^\d+$/.test(name) ? [inner] : { [name]: inner }), resource);
  return {
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(stringifyJson(value)),
    attempts: 1,
  };
}

function notAList(what: string): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    `The list in which the created resource is looked for cannot be read. ${what}`,
  );
}
