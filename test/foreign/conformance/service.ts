import { setTimeout } from 'node:timers/promises';
import {
  createRegistry,
  type DescMessage,
  type FileRegistry,
  fromJsonString,
  type Registry,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { stringifyJson } from '../../../src/payload/json.ts';
import type { Call, Dispatcher, Handler, Incoming, Reply } from '../../../src/rpc/call.ts';
import { CallError } from '../../../src/status/call-error.ts';
import { CODES, type Code } from '../../../src/status/code.ts';
import { encodeMessage } from '../../../src/transcoding/encode-json.ts';
import type { Message } from '../../../src/transcoding/message.ts';
import { Violations } from '../../../src/transcoding/violations.ts';

/** The package of the suite's own protos. */
const PACKAGE = 'connectrpc.conformance.v1';

/** The service that the suite calls. */
export const SERVICE = `${PACKAGE}.ConformanceService`;

type Json = Record<string, unknown>;

interface Header {
  readonly name: string;
  readonly value?: readonly string[];
}

interface ErrorDefinition {
  readonly code?: number;
  readonly message?: string;
  readonly details?: readonly { readonly type_url?: string; readonly value?: Uint8Array }[];
}

/** UnaryResponseDefinition and StreamResponseDefinition, as the project's decoder reads them. */
interface Definition {
  readonly response_headers?: readonly Header[];
  readonly response_trailers?: readonly Header[];
  readonly response_data?: Uint8Array | readonly Uint8Array[];
  readonly response_delay_ms?: number;
  readonly error?: ErrorDefinition;
}

/** Implements the service on the vocabulary of the transports, and remembers which deadlines callers gave. */
export class ConformanceService {
  readonly #registry: Registry;
  readonly #deadlines = new WeakMap<ReadonlyMap<string, string>, number>();

  constructor(registry: FileRegistry) {
    this.#registry = createRegistry(...registry.files);
  }

  /** The handlers, by the full names of the rpcs. */
  handlers(): ReadonlyMap<string, Handler> {
    const unary = (response: string): Handler => ({
      kind: 'unary',
      handle: (call) => this.#single(call, [this.#echo(call, call.request)], call.request, response),
    });
    const streaming = (handle: (call: Call) => AsyncIterable<Reply>): Handler => ({
      kind: 'server_streaming',
      handle,
    });
    const handlers: Record<string, Handler> = {
      Unary: unary('UnaryResponse'),
      IdempotentUnary: unary('IdempotentUnaryResponse'),
      Unimplemented: {
        kind: 'unary',
        handle: () => {
          throw new CallError('UNIMPLEMENTED', 'ROUTE_NOT_FOUND', 'not implemented');
        },
      },
      ServerStream: streaming((call) => this.#serverStream(call)),
      ClientStream: streaming((call) => this.#clientStream(call)),
      BidiStream: streaming((call) => this.#bidiStream(call)),
    };
    return new Map(Object.entries(handlers).map(([rpc, handler]) => [`${SERVICE}/${rpc}`, handler]));
  }

  /**
   * Puts itself in front of a pipeline: to see which deadlines the callers gave, as the pipeline gives every call one, and to
   * leave out of errors the details of this project, as the suite takes any that it did not ask for as a fault.
   */
  inFrontOf(pipeline: Dispatcher): Dispatcher {
    const note = (incoming: Incoming): Incoming => {
      if (incoming.deadline !== undefined) this.#deadlines.set(incoming.metadata, incoming.deadline);
      return incoming;
    };
    return {
      unary: (incoming) => Promise.resolve(pipeline.unary(note(incoming))).catch(throwBare),
      async *stream(incoming) {
        try {
          yield* pipeline.stream(note(incoming));
        } catch (error) {
          throwBare(error);
        }
      },
      refused: (request, error) => pipeline.refused(request, error),
    };
  }

  /** A handler that sends one response, of the definition in the first request. */
  async #single(call: Call, requests: readonly Json[], first: Message, response: string): Promise<Reply> {
    const definition = (first['response_definition'] ?? {}) as Definition;
    announce(call, definition);
    if (definition.response_delay_ms !== undefined) await setTimeout(definition.response_delay_ms);
    const info = this.#requestInfo(call, requests);
    if (definition.error !== undefined) throw this.#toError(definition.error, info);
    const data = definition.response_data as Uint8Array | undefined;
    return this.#reply(response, toPayload(data, info));
  }

  async *#serverStream(call: Call): AsyncGenerator<Reply> {
    const definition = (call.request['response_definition'] ?? {}) as Definition;
    announce(call, definition);
    yield* this.#responses(call, definition, [this.#echo(call, call.request)], 'ServerStreamResponse');
  }

  async *#clientStream(call: Call): AsyncGenerator<Reply> {
    const messages: Message[] = [];
    for await (const message of call.requests ?? []) messages.push(message);
    const requests = messages.map((message) => this.#echo(call, message));
    yield await this.#single(call, requests, messages[0] ?? {}, 'ClientStreamResponse');
  }

  async *#bidiStream(call: Call): AsyncGenerator<Reply> {
    const requests: Json[] = [];
    let definition: Definition | undefined;
    let isFullDuplex = false;
    let sent = 0;
    for await (const message of call.requests ?? []) {
      if (definition === undefined) {
        definition = (message['response_definition'] ?? {}) as Definition;
        isFullDuplex = message['full_duplex'] === true;
        announce(call, definition);
      }
      requests.push(this.#echo(call, message));
      if (!isFullDuplex) continue;
      const data = listOf(definition)[sent];
      if (data === undefined) break;
      if (definition.response_delay_ms !== undefined) await setTimeout(definition.response_delay_ms);
      const info = sent === 0 ? this.#requestInfo(call, requests) : { requests: [...requests] };
      yield this.#reply('BidiStreamResponse', toPayload(data, info));
      requests.length = 0;
      sent += 1;
    }
    if (definition === undefined) return;
    yield* this.#responses(call, definition, requests, 'BidiStreamResponse', sent);
  }

  /** The responses of a definition from one on, and then its error. */
  async *#responses(
    call: Call,
    definition: Definition,
    requests: readonly Json[],
    response: string,
    sent = 0,
  ): AsyncGenerator<Reply> {
    const info = this.#requestInfo(call, requests);
    let count = sent;
    for (const data of listOf(definition).slice(sent)) {
      if (definition.response_delay_ms !== undefined) await setTimeout(definition.response_delay_ms);
      yield this.#reply(response, toPayload(data, count === 0 ? info : undefined));
      count += 1;
    }
    if (definition.error !== undefined) throw this.#toError(definition.error, count === 0 ? info : undefined);
  }

  #reply(type: string, payload: Json): Reply {
    const descriptor = this.#message(`${PACKAGE}.${type}`);
    const message = fromJsonString(descriptor, JSON.stringify({ payload }), { registry: this.#registry });
    const binary = toBinary(descriptor, message);
    const json = Buffer.from(toJsonString(descriptor, message, { registry: this.#registry }));
    return { toBinary: () => binary, toJson: () => json };
  }

  #requestInfo({ metadata }: Call, requests: readonly Json[]): Json {
    const deadline = this.#deadlines.get(metadata);
    return {
      requestHeaders: [...metadata].map(([name, value]) => ({ name, value: [value] })),
      ...(deadline !== undefined && {
        timeoutMs: String(Math.round(deadline - performance.timeOrigin - performance.now())),
      }),
      requests,
    };
  }

  /** A request as the JSON of an Any, which the project's own encoder writes. */
  #echo({ operation: { input } }: Call, message: Message): Json {
    const violations = new Violations();
    const json = encodeMessage(input, message, '', { violations, elsewhere: new Set() });
    violations.throwIfAny();
    return { '@type': `type.googleapis.com/${input.typeName}`, ...JSON.parse(stringifyJson(json)) };
  }

  #toError({ code = 0, message = '', details = [] }: ErrorDefinition, info?: Json): CallError {
    const name = (Object.keys(CODES) as Code[]).find((each) => CODES[each].number === code) ?? 'UNKNOWN';
    const given = details.map(({ type_url = '', value = new Uint8Array() }) => ({
      type: type_url.slice(type_url.lastIndexOf('/') + 1),
      value,
    }));
    return new CallError(name, 'VULTR_REFUSED', message, {
      details: info === undefined ? given : [...given, this.#detail(info)],
    });
  }

  #detail(info: Json) {
    const type = `${PACKAGE}.ConformancePayload.RequestInfo`;
    const descriptor = this.#message(type);
    const message = fromJsonString(descriptor, JSON.stringify(info), { registry: this.#registry });
    return { type, value: toBinary(descriptor, message) };
  }

  #message(name: string): DescMessage {
    const descriptor = this.#registry.getMessage(name);
    if (descriptor === undefined) throw new Error(`The protos of the suite have no ${name}.`);
    return descriptor;
  }
}

function throwBare(thrown: unknown): never {
  const { code, reason, message, details = [] } = CallError.from(thrown);
  throw new CallError(code, reason, message, { details });
}

function listOf({ response_data = [] }: Definition): readonly Uint8Array[] {
  return response_data as readonly Uint8Array[];
}

function toPayload(data: Uint8Array | undefined, info: Json | undefined): Json {
  return {
    ...(data !== undefined && { data: Buffer.from(data).toString('base64') }),
    ...(info !== undefined && { requestInfo: info }),
  };
}

/** Sets the headers and trailers that a definition asks for. */
function announce({ responseMetadata, responseTrailers }: Call, definition: Definition): void {
  for (const { name, value = [] } of definition.response_headers ?? [])
    responseMetadata.set(name.toLowerCase(), value.join(', '));
  for (const { name, value = [] } of definition.response_trailers ?? [])
    responseTrailers?.set(name.toLowerCase(), value.join(', '));
}
