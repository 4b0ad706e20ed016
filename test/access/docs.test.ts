import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REASONS } from '../../src/status/reasons.ts';
import { modelOf, parseCallers } from '../support/access.ts';
import { createSigner } from '../support/tokens.ts';

const text = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');
const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = '']) => block);
const signer = await createSigner('one');
const sources = {
  files: {
    '/run/secrets/vultr-prod': 'PRODKEY\n',
    '/etc/jwks.json': JSON.stringify({ keys: [signer.publicJwk] }),
  },
  env: { VULTR_LAB_KEY: 'LABKEY' },
};

test('the callers file of the document is one', async () => {
  const model = await modelOf(blocks[0] ?? '', sources);
  expect([...model.accounts.keys()]).toEqual(['prod', 'lab']);
  expect(model.callers[0]).toMatchObject({
    name: 'deploy-bot',
    account: 'prod',
    bringOwnKey: false,
    create: { regions: ['ams', 'fra'], monthlyCostMax: 80, perHour: 20 },
    rate: 10,
  });
  expect(model.callers[0]?.proofs.map(({ kind }) => kind)).toEqual(['token', 'jwt', 'spiffe']);
});

test('so are its proofs and its callers with keys of their own', async () => {
  const [, proofs = '', callers = ''] = blocks;
  const issuers = ['github', 'cluster'].map(
    (name) => `{ name: ${name}, issuer: "https://${name}.example", audience: a, jwks_file: /etc/jwks.json }`,
  );
  const indented = proofs.replace(/^/gm, '      ').trimEnd();
  const caller = `  - name: tokens\n    is:\n${indented}\n    bring_own_key: true\n    allow: []\n`;
  const parsed = await parseCallers(`issuers: [${issuers.join(', ')}]\n${callers}${caller}`, sources);
  expect(parsed).toMatchObject({ kind: 'ok' });
});

test('the line of the audit log is JSON', () => {
  const [, line = ''] = /```json\n(.*?)\n```/s.exec(text) ?? [];
  expect(JSON.parse(line)).toMatchObject({ caller: 'deploy-bot', outcome: 'OK' });
});

test('the reasons of the document exist', () => {
  const [, table = ''] = /## Errors\n(.*)$/s.exec(text) ?? [];
  const named = [...table.matchAll(/\| ([A-Z_]+(?:, [A-Z_]+)*) \| [a-z`]/g)].flatMap(([, names = '']) =>
    names.split(', '),
  );
  expect(named.length).toBeGreaterThan(9);
  for (const name of named) expect(Object.keys(REASONS)).toContain(name);
});
