import type { OutgoingHttpHeaders } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';

const PRINTABLE = /^[\x20-\x7e]*$/;

/** Metadata whose binary values (`-bin`) go out without padding, as the protocol asks of a sender. */
class UnpaddedMetadata extends Metadata {
  override toHttp2Headers(): OutgoingHttpHeaders {
    const headers = super.toHttp2Headers();
    for (const [name, value] of Object.entries(headers)) {
      if (!name.endsWith('-bin')) continue;
      headers[name] = Array.isArray(value) ? value.map(unpadded) : unpadded(String(value));
    }
    return headers;
  }

  /** grpc-js copies what it is given before it sends it. */
  override clone(): Metadata {
    const copy = new UnpaddedMetadata(this.getOptions());
    copy.merge(this);
    return copy;
  }
}

/**
 * Response metadata for grpc-js. Binary values (`-bin`) are in base64. Values that gRPC metadata cannot carry (it is printable
 * ASCII) are left out.
 */
export function toMetadata(values: ReadonlyMap<string, string>): Metadata {
  const metadata = new UnpaddedMetadata();
  for (const [key, value] of values) {
    if (key.endsWith('-bin'))
      for (const each of value.split(',')) metadata.add(key, Buffer.from(each.trim(), 'base64'));
    else if (PRINTABLE.test(value)) metadata.set(key, value);
  }
  return metadata;
}

/** Metadata that grpc-js asks for its HTTP/2 form alone, as it does with the headers of a response. */
class HeaderMetadata extends Metadata {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    super();
    this.#values = values;
  }

  override toHttp2Headers(): OutgoingHttpHeaders {
    return addHeaders({}, this.#values);
  }
}

/** The same for the headers of a response, which every call has. */
export function toHeaderMetadata(values: ReadonlyMap<string, string>): Metadata {
  return new HeaderMetadata(values);
}

/** Adds metadata, as toMetadata takes it, to headers that go out, and returns them. */
export function addHeaders(
  headers: OutgoingHttpHeaders,
  values: ReadonlyMap<string, string>,
): OutgoingHttpHeaders {
  for (const [key, value] of values) {
    if (key.endsWith('-bin')) headers[key] = value.split(',').map((each) => unpadded(each.trim()));
    else if (PRINTABLE.test(value)) headers[key] = value;
  }
  return headers;
}

/** Bytes as a binary value is written. */
export function toBinaryValue(bytes: Buffer): string {
  return unpadded(bytes.toString('base64'));
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}
