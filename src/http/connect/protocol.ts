import type { IncomingHttpHeaders } from 'node:http';

/** How messages are written. */
export type Codec = 'proto' | 'json';

/**
 * What a request to the path of an rpc speaks. `unary`: the Connect protocol with one message and no frames. `streaming`: the
 * Connect protocol with frames. `grpc-web`: the protocol of gRPC for browsers, whose frames are in base64 when `isText`.
 */
export interface Protocol {
  readonly kind: 'unary' | 'streaming' | 'grpc-web';
  readonly codec: Codec;
  readonly isText: boolean;
  /** The media type of the reply; errors of the unary Connect protocol are JSON whatever it says. */
  readonly contentType: string;
}

const TYPES: ReadonlyMap<string, Omit<Protocol, 'contentType'>> = new Map([
  ['application/proto', { kind: 'unary', codec: 'proto', isText: false }],
  ['application/json', { kind: 'unary', codec: 'json', isText: false }],
  ['application/connect+proto', { kind: 'streaming', codec: 'proto', isText: false }],
  ['application/connect+json', { kind: 'streaming', codec: 'json', isText: false }],
  ['application/grpc-web', { kind: 'grpc-web', codec: 'proto', isText: false }],
  ['application/grpc-web+proto', { kind: 'grpc-web', codec: 'proto', isText: false }],
  ['application/grpc-web+json', { kind: 'grpc-web', codec: 'json', isText: false }],
  ['application/grpc-web-text', { kind: 'grpc-web', codec: 'proto', isText: true }],
  ['application/grpc-web-text+proto', { kind: 'grpc-web', codec: 'proto', isText: true }],
]);

/** The media types that requests may have, as a header lists them. */
export const MEDIA_TYPES = [...TYPES.keys()].join(', ');

/** A media type, with a charset or without; both sides of the protocols know UTF-8 only. */
const MEDIA_TYPE = /^([a-z0-9/+.-]+)\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i;

/** The protocol of a POST request; undefined when its media type belongs to none of them. */
export function protocolOf(contentType: string | undefined): Protocol | undefined {
  const name = MEDIA_TYPE.exec(contentType?.trim() ?? '')?.[1]?.toLowerCase() ?? '';
  const type = TYPES.get(name);
  return type && { ...type, contentType: name };
}

/** The unary Connect protocol, in which a GET request is. */
export function unaryProtocol(codec: Codec): Protocol {
  return { kind: 'unary', codec, isText: false, contentType: `application/${codec}` };
}

/** Whether a request without a known path is meant for an rpc, so that it has to be refused in the terms of its protocol. */
export function isMeantForRpc(headers: IncomingHttpHeaders): boolean {
  if (headers['connect-protocol-version'] !== undefined) return true;
  const protocol = protocolOf(headers['content-type']);
  return protocol !== undefined && protocol.contentType !== 'application/json';
}
