import type { OutgoingHttpHeaders } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';

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
    else if (/^[\x20-\x7e]*$/.test(value)) metadata.set(key, value);
  }
  return metadata;
}

/** Bytes as a binary value is written. */
export function toBinaryValue(bytes: Buffer): string {
  return unpadded(bytes.toString('base64'));
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}
