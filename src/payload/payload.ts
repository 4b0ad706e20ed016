import { CallError } from '../status/call-error.ts';
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from './json.ts';
import { encodeStruct } from './struct.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

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
   * Reads an answer of Vultr's. No content is an empty object; a JSON value that is no object, which a Struct could not
   * carry, becomes the member `value` of one.
   * @throws CallError INTERNAL, reason BAD_UPSTREAM_RESPONSE, when it is not JSON in UTF-8
   */
  static parse(body: Uint8Array): Payload {
    if (body.length === 0) return new Payload({});
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
   * @throws CallError INTERNAL when a Struct cannot carry it
   */
  get struct(): Uint8Array {
    this.#struct ??= encodeStruct(this.#value);
    return this.#struct;
  }
}

function parseUpstream(body: Uint8Array): JsonValue {
  try {
    return parseJson(UTF8.decode(body));
  } catch {
    // The parser's own message quotes the text, which may hold a password; it goes not even into the log.
    throw new CallError(
      'INTERNAL',
      'BAD_UPSTREAM_RESPONSE',
      'Vultr answered with something that is not JSON.',
    );
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}
