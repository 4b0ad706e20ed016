import { CallError } from '../status/call-error.ts';
import { hasMoreValues } from './count-values.ts';
import { encodeStruct } from './encode-struct.ts';
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from './json.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The most values in a response. A page of 500 elements has some twenty thousand; a few megabytes can hold a million, and
 * reading those would hold up everybody else.
 */
const MAX_VALUES = 50_000;

/** The most bytes that are parsed: twice what gRPC clients accept by default. */
const MAX_BYTES = 8 * 1024 * 1024;

/** A JSON object in the forms that callers want it in. Each form is made once, when it is first asked for. */
export class Payload {
  readonly #value: JsonObject;
  #json: Uint8Array | undefined;
  #struct: Uint8Array | undefined;

  private constructor(value: JsonObject, json?: Uint8Array) {
    this.#value = value;
    this.#json = json;
  }

  /** A payload with this content, which must not change any more. */
  static of(value: JsonObject): Payload {
    return new Payload(value);
  }

  /**
   * Reads a response of Vultr's. No content is an empty object; a JSON value other than an object, which a Struct could not
   * represent, becomes the member `value` of one.
   * @throws CallError INTERNAL, reason BAD_UPSTREAM_RESPONSE, when it is not JSON in UTF-8, or has more than
   *   8 MB or 50 000 values
   */
  static parse(body: Uint8Array): Payload {
    if (body.length === 0) return new Payload({});
    checkSize(body);
    const value = parseUpstream(body);
    return isObject(value) ? new Payload(value, body) : new Payload({ value });
  }

  /** The object. Not to be changed. */
  get value(): JsonObject {
    return this.#value;
  }

  /** As JSON text in UTF-8. */
  get json(): Uint8Array {
    this.#json ??= Buffer.from(stringifyJson(this.#value));
    return this.#json;
  }

  /**
   * As the bytes of a google.protobuf.Struct.
   * @throws CallError INTERNAL when a Struct cannot represent it
   */
  get struct(): Uint8Array {
    this.#struct ??= encodeStruct(this.#value);
    return this.#struct;
  }
}

function checkSize(body: Uint8Array): void {
  if (body.length > MAX_BYTES) throw tooLarge(`${MAX_BYTES} bytes`);
  if (hasMoreValues(body, MAX_VALUES)) throw tooLarge(`${MAX_VALUES} values`);
}

function tooLarge(limit: string): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    `Vultr's response has more than ${limit}. Ask for less at once, for example with per_page.`,
  );
}

function parseUpstream(body: Uint8Array): JsonValue {
  try {
    return parseJson(UTF8.decode(body));
  } catch {
    // The parser's own message quotes the text, which may contain a password, so it must not reach the log either.
    throw new CallError('INTERNAL', 'BAD_UPSTREAM_RESPONSE', "Vultr's response is not JSON.");
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}
