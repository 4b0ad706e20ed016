import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import { stringifyJson } from '../../src/payload/json.ts';
import type { HttpBinding } from '../../src/transcoding/binding.ts';
import { decodeHttpRequest } from '../../src/transcoding/decode-http.ts';
import { encodeHttpRequest } from '../../src/transcoding/encode-http.ts';
import { fieldNames } from '../../src/transcoding/field-names.ts';
import { createMessage, type FieldValue, type Message } from '../../src/transcoding/message.ts';
import { createRouter, type Router } from '../../src/transcoding/router.ts';
import { jsonForm } from '../../src/transcoding/well-known.ts';
import { compileAllTypes, plain } from '../support/all-types.ts';
import { routesOf } from '../support/compile-routes.ts';

/** Texts that break what is quoted, split or decoded in the wrong place or twice. */
const AWKWARD = [
  'plain', 'a/b', 'a%2Fb', '%', '%25', '%2525', '100%', 'a?b', 'a#b', 'a&b=c', 'a+b', 'a b', ':', 'x:watch', 'x:meta',
  '2001:db8::1', 'sha256:ab', '...', ' ', '\u0000', '\n', '"', '\\', '{}', '[1]', 'null', 'true', '0', '-0', '1e3', 'é',
  '€', '😀', '\u2028', '__proto__', 'constructor', ';', ',', '~', '*', '**', '{id}', '@type', 'a.b', '%zz', '\ufeff',
]; // biome-ignore format: a table

/** mulberry32: the same seed, the same values. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class Filler {
  readonly #random: () => number;
  /** Whether the values travel in a query, which has no empty lists, empty messages and typed values. */
  readonly #inQuery: boolean;

  constructor(random: () => number, inQuery: boolean) {
    this.#random = random;
    this.#inQuery = inQuery;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)] as Value;
  }

  message(type: DescMessage, depth = 0): Message {
    const message = createMessage();
    for (const field of type.fields) {
      if (this.#random() < 0.5 || depth > 2 || this.#isOut(field)) continue;
      if (field.oneof?.fields.some(({ name }) => message[name] !== undefined)) continue;
      const value = this.field(field, depth);
      const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
      if (!isEmpty || (!this.#inQuery && field !== fieldNames(type).additional)) message[field.name] = value;
    }
    return message;
  }

  field(field: DescField, depth: number): FieldValue {
    if (field.fieldKind === 'list') {
      return Array.from({ length: Math.floor(this.#random() * 3) }, () => this.single(field, depth));
    }
    if (field.fieldKind !== 'map') return this.single(field, depth);
    const map = createMessage();
    const keys =
      field.mapKey === ScalarType.STRING
        ? AWKWARD
        : field.mapKey === ScalarType.BOOL
          ? ['true', 'false']
          : ['-1', '7'];
    map[this.pick(keys)] = this.single(field, depth);
    return map;
  }

  single(field: DescField, depth: number): FieldValue {
    if (field.enum !== undefined) return this.pick(field.enum.values).number;
    if (field.message === undefined) return this.scalar(field.scalar ?? ScalarType.STRING);
    switch (jsonForm(field.message)) {
      case 'struct':
        return this.struct();
      case 'value':
        return this.#inQuery
          ? this.pick(AWKWARD)
          : this.pick<FieldValue>([null, 1, 'x', true, [null], this.struct()]);
      case 'list':
        return [1, this.struct(), [9007199254740993n]];
      case 'wrapper':
        return Object.assign(createMessage(), {
          value: this.scalar(field.message.fields[0]?.scalar ?? ScalarType.STRING),
        });
      case 'text':
        return this.text(field.message);
      case 'any':
        return { type_url: 'type.googleapis.com/t.Inner', value: new Uint8Array([10, 1, 120]) };
      default:
        return this.message(field.message, depth + 1);
    }
  }

  text(type: DescMessage): Message {
    if (type.typeName === 'google.protobuf.FieldMask') return { paths: ['snake_name', 'inner.leaf'] };
    return {
      seconds: BigInt(Math.floor(this.#random() * 1e9) + 1),
      nanos: this.pick([1, 5_000_000, 999_999_999]),
    };
  }

  scalar(type: ScalarType): FieldValue {
    switch (type) {
      case ScalarType.STRING:
        return this.pick(AWKWARD) + this.pick(['', ...AWKWARD]);
      case ScalarType.BOOL:
        return this.pick([true, false]);
      case ScalarType.BYTES:
        return new Uint8Array([251, 255, Math.floor(this.#random() * 256)]);
      case ScalarType.DOUBLE:
        return this.pick([0, -0, 0.1, 1e300, -5e-324, this.#random()]);
      case ScalarType.FLOAT:
        return Math.fround(this.#random());
      case ScalarType.INT64:
        return this.pick([0n, -1n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n]);
      case ScalarType.UINT64:
        return this.pick([0n, 18446744073709551615n]);
      case ScalarType.UINT32:
        return this.pick([0, 4294967295]);
      default:
        return this.pick([0, 1, -1, 2147483647, -2147483648]);
    }
  }

  struct(): Message {
    const struct = createMessage();
    struct[`new ${this.pick(AWKWARD)}`] = this.pick<FieldValue>([
      null,
      1.5,
      9007199254740993n,
      'x',
      [{ a: null }],
      false,
    ]);
    return struct;
  }

  /** What no request of this kind can hold. */
  #isOut(field: DescField): boolean {
    if (!this.#inQuery) return false;
    const form = field.message === undefined ? undefined : jsonForm(field.message);
    const isList = field.fieldKind === 'list' && form === 'fields';
    return (
      field.fieldKind === 'map' ||
      isList ||
      form === 'struct' ||
      form === 'list' ||
      form === 'any' ||
      field.enum?.typeName === 'google.protobuf.NullValue'
    );
  }
}

let bindings: readonly HttpBinding[];
let router: Router<string>;

beforeAll(async () => {
  const routes = routesOf(await compileAllTypes());
  bindings = routes.map(({ binding }) => binding);
  router = createRouter(routes);
});

/** Puts what the binding's path needs into a message. */
function fillPath(binding: HttpBinding, message: Message, filler: Filler): void {
  for (const [index, path] of binding.variables.entries()) {
    let target = message;
    for (const field of path.slice(0, -1)) {
      target[field.name] ??= createMessage();
      target = target[field.name] as Message;
    }
    const field = path.at(-1) ?? path[0];
    for (const rival of field.oneof?.fields ?? []) delete target[rival.name];
    if (binding.template.variables[index]?.isMultiSegment) {
      const parts = [filler.pick(AWKWARD), filler.pick(AWKWARD)].map((part) => part.replaceAll('/', '%2F'));
      target[field.name] = binding.template.source.includes('a/*')
        ? `a/${parts[0]}/b/${parts[1]}`
        : `c/${parts.join('/')}`;
    } else {
      target[field.name] =
        field.enum === undefined ? filler.scalar(field.scalar ?? ScalarType.STRING) : filler.single(field, 0);
    }
  }
}

describe('a message that goes out and comes in again', () => {
  test('is the same, for every binding and 300 seeds', () => {
    expect(bindings.length).toBeGreaterThan(10);
    for (const binding of bindings) {
      for (let seed = 1; seed <= 300; seed += 1) {
        const filler = new Filler(createRandom(seed), binding.body !== 'message');
        const message = filler.message(binding.input);
        if (typeof binding.body !== 'string') {
          message[binding.body.name] = new Filler(createRandom(seed), false).field(binding.body, 0);
        }
        fillPath(binding, message, filler);
        const request = encodeHttpRequest(binding, message);
        const match = router.match(request.method, request.path);
        if (match.kind !== 'match') throw new Error(`${request.method} ${request.path} is not found`);
        expect(match.binding.template.source, `seed ${seed}`).toBe(binding.template.source);
        const decoded = decodeHttpRequest(match.binding, {
          values: match.values,
          query: request.query,
          contentType: 'application/json',
          body: Buffer.from(request.body === undefined ? '' : stringifyJson(request.body)),
        });
        expect(plain(decoded), `${binding.rpc}, seed ${seed}`).toEqual(plain(message));
      }
    }
  });
});
