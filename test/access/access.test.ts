import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Access, loadCallersFile, openAccess } from '../../src/access/access.ts';
import type { Identity } from '../../src/access/identify.ts';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { OPERATIONS } from '../support/access.ts';
import { collectLog } from '../support/collected-log.ts';
import { temporaryFolder } from '../support/stores.ts';
import { createSigner } from '../support/tokens.ts';
import { startHttp } from '../support/vultr.ts';

const key = createVirtualKey();

/** A callers file in a folder of its own, followed. */
async function openIn(
  source: (folder: string) => string,
  given: { files?: Record<string, string>; wallNow?: () => number } = {},
) {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);
  for (const [name, text] of Object.entries({ 'prod.key': 'PRODKEY1\n', ...given.files }))
    writeFileSync(path(name), text);
  const file = path('callers.yaml');
  writeFileSync(file, source(folder));
  const collected = collectLog();
  const access = await openAccess({
    file,
    operations: OPERATIONS,
    log: collected.log,
    env: { LAB_KEY: 'LABKEY' },
    watchIntervalMs: 20,
    ...(given.wallNow && { wallNow: given.wallNow }),
  });
  onTestFinished(() => access[Symbol.dispose]());
  return { access, path, file, ...collected, lines: collected.lines };
}

const SOURCE = (
  folder: string,
): string => `accounts: { prod: { key_file: ${folder}/prod.key }, lab: { key_env: LAB_KEY } }
callers:
  - { name: bot, is: [token_sha256: ${key.sha256}], account: prod, allow: ["effect:read"] }
`;

async function who(access: Access, token: string): Promise<Identity> {
  const evidence = {
    address: '',
    certificate: undefined,
    identityHeaders: {},
    authorization: `Bearer ${token}`,
  };
  return await access.complete(await access.identify(evidence), undefined);
}

const soon = { timeout: 2_000, interval: 10 };

describe('a callers file', () => {
  test('that is changed is in force within a second, and no call fails meanwhile', async () => {
    const { access, path, file } = await openIn(SOURCE);
    const other = createVirtualKey();
    const startedAt = performance.now();
    writeFileSync(
      file,
      SOURCE(path('')).replace(
        'callers:\n',
        `callers:\n  - { name: new, is: [token_sha256: ${other.sha256}], account: lab, allow: [] }\n`,
      ),
    );
    let calls = 0;
    await vi.waitFor(async () => {
      expect((await who(access, key.key)).caller.name).toBe('bot');
      calls += 1;
      expect((await who(access, other.key)).caller.name).toBe('new');
    }, soon);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(calls).toBeGreaterThan(0);
    expect(access.credentialOf(await who(access, other.key))).toBe('LABKEY');
  });

  test('with a mistake leaves the old rules in force, which is logged once with the line', async () => {
    const { access, file, path, lines } = await openIn(SOURCE);
    writeFileSync(file, `${SOURCE(path(''))}oops: 1\n`);
    const logged = () => lines({ level: 'error' });
    await vi.waitFor(() => expect(logged()).toHaveLength(1), soon);
    expect(logged()[0]).toMatchObject({ mistakes: [expect.stringMatching(/^callers\.yaml:4:1: .*oops/)] });
    await access.reload();
    expect(logged()).toHaveLength(1);
    expect((await who(access, key.key)).caller.name).toBe('bot');
    writeFileSync(file, SOURCE(path('')).replace('bot', 'bot2'));
    await vi.waitFor(async () => expect((await who(access, key.key)).caller.name).toBe('bot2'), soon);
  });

  test('that is gone leaves the old rules in force', async () => {
    const { access, file, lines } = await openIn(SOURCE);
    rmSync(file);
    await vi.waitFor(() => expect(lines({ level: 'error' })).toHaveLength(1), soon);
    expect((await who(access, key.key)).caller.name).toBe('bot');
  });

  test('behind a link that is switched, as config maps are, is followed', async () => {
    const folder = temporaryFolder();
    for (const [name, caller] of [
      ['a', 'first'],
      ['b', 'second'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'prod.key'), 'KEY');
      writeFileSync(join(folder, name, 'callers.yaml'), SOURCE(join(folder, 'data')).replace('bot', caller));
    }
    symlinkSync('a', join(folder, 'data'));
    const access = await openAccess({
      file: join(folder, 'data', 'callers.yaml'),
      operations: OPERATIONS,
      log: collectLog().log,
      env: { LAB_KEY: 'x' },
      watchIntervalMs: 20,
    });
    onTestFinished(() => access[Symbol.dispose]());
    expect((await who(access, key.key)).caller.name).toBe('first');
    symlinkSync('b', join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'data'));
    await vi.waitFor(async () => expect((await who(access, key.key)).caller.name).toBe('second'), soon);
  });

  test('with mistakes does not open, and reports them all', async () => {
    await expect(openIn(() => 'accounts: { a: {} }\ncallers: 5\n')).rejects.toThrow(
      /callers\.yaml:1:16: .*\ncallers\.yaml:2:10: /,
    );
    await expect(loadCallersFile({ file: '/none', operations: OPERATIONS, env: {} })).rejects.toThrow(
      'none:1:1: The file cannot be read (ENOENT).',
    );
  });
});

describe('a key file', () => {
  test('that is rotated is used from then on', async () => {
    const { access, path } = await openIn(SOURCE);
    const identity = await who(access, key.key);
    expect(access.credentialOf(identity)).toBe('PRODKEY1');
    writeFileSync(path('prod.key'), 'PRODKEY2');
    await vi.waitFor(() => expect(access.credentialOf(identity)).toBe('PRODKEY2'), soon);
  });

  test('is read again when Vultr refuses its key', async () => {
    const { access, path } = await openIn(SOURCE);
    const identity = await who(access, key.key);
    expect(await access.otherCredential(identity, 'PRODKEY1')).toBeUndefined();
    writeFileSync(path('prod.key'), 'PRODKEY2');
    expect(await access.otherCredential(identity, 'PRODKEY1')).toBe('PRODKEY2');
    expect(await access.otherCredential({ ...identity, ownKey: 'OWN' }, 'OWN')).toBeUndefined();
  });

  test('that becomes unreadable leaves its key in use, which is logged once', async () => {
    const { access, path, lines } = await openIn(SOURCE);
    const identity = await who(access, key.key);
    writeFileSync(path('prod.key'), '');
    await vi.waitFor(() => expect(lines({ level: 'error' })).toHaveLength(1), soon);
    expect(await access.otherCredential(identity, 'PRODKEY1')).toBeUndefined();
    expect(access.credentialOf(identity)).toBe('PRODKEY1');
    expect(lines({ level: 'error' })).toHaveLength(1);
  });

  test('is not needed by a caller with a key of its own', async () => {
    const { access } = await openIn(
      () => 'callers: [{ name: guests, is: [own_key: true], bring_own_key: true, allow: ["*"] }]\n',
    );
    const identity = await who(access, 'OWNKEY');
    expect(access.credentialOf(identity)).toBe('OWNKEY');
    expect(() => access.credentialOf({ ...identity, ownKey: undefined })).toThrow(
      expect.objectContaining({ reason: 'CREDENTIAL_MISSING' }),
    );
  });
});

describe('the keys of an issuer', async () => {
  const [one, two] = [await createSigner('one'), await createSigner('two')];
  const withIssuer = (place: string) => (folder: string) =>
    `${SOURCE(folder).replace('account: prod', 'account: prod').replace(`[token_sha256: ${key.sha256}]`, '[jwt: { issuer: idp, subject: deployer }]')}issuers: [{ name: idp, issuer: https://idp.example, audience: vultr-grpc, ${place.replace('FOLDER', folder)} }]\n`;
  const jwks = (...signers: { publicJwk: unknown }[]): string =>
    JSON.stringify({ keys: signers.map(({ publicJwk }) => publicJwk) });

  test('in a file are followed, and a key that is removed no longer counts', async () => {
    const { access, path } = await openIn(withIssuer('jwks_file: FOLDER/jwks.json'), {
      files: { 'jwks.json': jwks(one) },
    });
    const token = await one.sign();
    expect((await who(access, token)).proofs).toEqual(['jwt']);
    writeFileSync(path('jwks.json'), jwks(two));
    await vi.waitFor(async () => expect((await who(access, await two.sign())).caller.name).toBe('bot'), soon);
    await expect(who(access, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('at a URL are fetched once, and survive a change of the callers file', async () => {
    const requests: unknown[] = [];
    const server = await startHttp((request, response) => {
      requests.push(request.url);
      response.end(jwks(one));
    });
    const { access, file } = await openIn(withIssuer(`jwks_url: "${server.url}/jwks"`));
    await who(access, await one.sign());
    const changed = readFileSync(file, 'utf8').replace('bot', 'bot2');
    await server.close();
    writeFileSync(file, changed);
    await vi.waitFor(
      async () => expect((await who(access, await one.sign())).caller.name).toBe('bot2'),
      soon,
    );
    expect(requests).toEqual(['/jwks']);
  });

  test.each([
    ['an error', 500, jwks(one)],
    ['a redirect', 302, jwks(one)],
    ['something else', 200, '<html>'],
    ['far too much', 200, 'x'.repeat(1_000_000)],
  ])('at a URL that gives %s are out of reach', async (_name, status, body) => {
    const server = await startHttp((_request, response) => {
      response.writeHead(status, { location: 'https://evil.example/jwks' }).end(body);
    });
    const { access, lines } = await openIn(withIssuer(`jwks_url: "${server.url}/jwks"`));
    await expect(who(access, await one.sign())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'POLICY_UNAVAILABLE',
    });
    expect(lines({ level: 'warn' })).toHaveLength(1);
  });
});
