import { Memo } from '../base/memo.ts';
import { Payload } from './payload.ts';

const payloads = new Memo<Uint8Array, Payload>();
const derivedPayloads = new Memo<Payload, Map<DerivePayload, Payload>>();

/** Makes one payload from another; the same source gives the same result. */
export type DerivePayload = (source: Payload) => Payload;

/**
 * Reads a response of Vultr's as Payload.parse does, once per body: a body that a cache keeps or several callers share is
 * parsed and encoded once, however often it is asked for. The body must not change any more.
 * @throws CallError INTERNAL, reason BAD_UPSTREAM_RESPONSE, when it is not JSON in UTF-8
 */
export function payloadOf(body: Uint8Array): Payload {
  let payload = payloads.get(body);
  if (payload === undefined) {
    payload = Payload.parse(body);
    payloads.set(body, payload);
  }
  return payload;
}

/**
 * What `derive` makes of a payload, made once per payload, so that it is encoded only once as well.
 * @param derive a function that lives as long as the program; results of one made per call would never be found again
 * @throws what `derive` throws; it is called again the next time
 */
export function derivedPayload(source: Payload, derive: DerivePayload): Payload {
  let forms = derivedPayloads.get(source);
  if (forms === undefined) {
    forms = new Map();
    derivedPayloads.set(source, forms);
  }
  let derived = forms.get(derive);
  if (derived === undefined) {
    derived = derive(source);
    forms.set(derive, derived);
  }
  return derived;
}
