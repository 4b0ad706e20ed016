import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CallersFileError } from '../../src/access/mistakes.ts';
import { explainDecision, policyTable } from '../../src/access/policy-table.ts';
import { ACCESS_SETTINGS } from '../../src/config/access-settings.ts';
import { modelOf, OPERATIONS, operationOf, parseCallers } from '../support/access.ts';
import { createSigner } from '../support/tokens.ts';

/** Holds docs/access.md to what the code does, as far as test/docs/snippets.test.ts does not run it. */
const text = readFileSync('docs/access.md', 'utf8');
const [file = '', , , workloads = ''] = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, block = '']) => block,
);
const signer = await createSigner('one');
const sources = {
  files: {
    '/run/secrets/vultr-prod': 'PRODKEY',
    '/etc/jwks.json': JSON.stringify({ keys: [signer.publicJwk] }),
    '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt': '',
    '/var/run/secrets/kubernetes.io/serviceaccount/token': 'TOKEN',
  },
  env: { VULTR_LAB_KEY: 'LABKEY' },
};

/** The commands of the blocks whose output is shown and not run, with that output. */
const shown = [...text.matchAll(/```text\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      return { command, lines };
    }),
);

test('the settings are those of the service, with their defaults', () => {
  const [, table = ''] = /## Settings and safe defaults\n(.*?)\n## /s.exec(text) ?? [];
  const rows = [...table.matchAll(/^\| (`[A-Z].*?) \| (.*?) \|/gm)].flatMap(([, names = '', byDefault]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, byDefault] as const),
  );
  const settings = Object.values(ACCESS_SETTINGS);
  expect(rows.map(([name]) => name).toSorted()).toEqual(settings.map(({ env }) => env).toSorted());
  const told = Object.fromEntries(rows.filter(([, byDefault]) => byDefault?.startsWith('`')));
  const set = settings.filter((setting) => setting.default !== undefined);
  expect(told).toEqual(Object.fromEntries(set.map((setting) => [setting.env, `\`${setting.default}\``])));
});

test('the table of the callers file is what policy list prints', async () => {
  const list = shown.find(({ command, lines }) => command.includes('policy list') && lines.length === 2);
  expect(list?.lines).toEqual(policyTable(await modelOf(file, sources), OPERATIONS));
});

test('the decisions are what policy check prints', async () => {
  const checks = shown.filter(({ command }) => command.includes('policy check'));
  expect(checks).toHaveLength(2);
  const { callers } = await modelOf(file, sources);
  for (const { command, lines } of checks) {
    const [, name = '', method = ''] = /--caller (\S+) --method (\S+)/.exec(command) ?? [];
    const caller = callers.find((each) => each.name === name);
    if (caller === undefined) throw new Error(`The callers file has no ${name}.`);
    expect((await explainDecision(caller, operationOf(method), undefined)).lines).toEqual(lines);
  }
});

test('the callers file for Kubernetes and GitHub is one', async () => {
  expect(await parseCallers(workloads, sources)).toMatchObject({ kind: 'ok' });
});

test('the mistakes are told as the document shows', async () => {
  const source = `accounts:
  lab: { key_env: VULTR_LAB_KEY }
callers:
  - name: deployer
    is: [ token_sha256: ${'5b'.repeat(32)} ]
    acount: lab
    allow: [ "vultr.v2.DnsServce/*" ]
`;
  const parsed = await parseCallers(source, sources);
  if (parsed.kind === 'ok') throw new Error('The file has no mistakes.');
  const { message } = new CallersFileError('callers.yaml', parsed.mistakes);
  const [first] = shown;
  expect(first?.lines.join('\n')).toBe(`vultr-grpc: ${message}`);
});
