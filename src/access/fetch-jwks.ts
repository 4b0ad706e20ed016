import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { Agent, request } from 'undici';
import { JwksError, MAX_JWKS_BYTES } from './jwks.ts';
import type { JwksUrl } from './model.ts';

const TIMEOUT_MS = 5_000;

/**
 * Fetches a key set. The CA bundle and the Bearer token are read anew each time, since both rotate. A redirect is not
 * followed, because it could lead to somebody else's keys.
 */
export async function fetchJwks({ url, caFile, bearerFile }: JwksUrl): Promise<Uint8Array> {
  const ca = caFile === undefined ? undefined : [...rootCertificates, await readFile(caFile, 'utf8')];
  const bearer = bearerFile === undefined ? undefined : (await readFile(bearerFile, 'utf8')).trim();
  const dispatcher = new Agent({
    connect: { timeout: TIMEOUT_MS, ...(ca !== undefined && { ca }) },
    maxResponseSize: MAX_JWKS_BYTES,
  });
  try {
    const { statusCode, body } = await request(url, {
      dispatcher,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        accept: 'application/jwk-set+json, application/json',
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
    });
    const bytes = await body.bytes();
    if (statusCode !== 200) throw new JwksError(`the server answered with the status ${statusCode}.`);
    return bytes;
  } finally {
    await dispatcher.destroy();
  }
}
