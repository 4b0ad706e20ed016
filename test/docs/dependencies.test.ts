import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from '../support/stores.ts';

const text = readFileSync('docs/dependencies.md', 'utf8');

type Kind = 'dependencies' | 'devDependencies';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
} & Readonly<Record<Kind, Readonly<Record<string, string>>>>;

interface Sbom {
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly {
    readonly group?: string;
    readonly name: string;
    readonly version: string;
    readonly 'bom-ref': string;
    readonly hashes: readonly { readonly alg: string; readonly content: string }[];
    readonly licenses: readonly object[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

test.each(['dependencies', 'devDependencies'] as const)(
  'the %s are those of package.json, with their licences',
  (kind) => {
    const table = new RegExp(`<!-- ${kind} -->\n(.*?)<!-- /${kind} -->`, 's').exec(text)?.[1] ?? '';
    const rows = table.trim().split('\n').slice(2);
    const told = rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
    expect(told.map(([name]) => name)).toEqual(Object.keys(manifest[kind]));
    for (const [name = '', licence, reason = ''] of told) {
      const { license } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as {
        license: string;
      };
      expect(licence, name).toBe(license);
      expect(reason.length, name).toBeGreaterThan(10);
    }
  },
);

test('every dependency has an exact version', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
});

test('the licences of all that the service runs with are allowed, and the check can say no', () => {
  expect(execFileSync(process.execPath, ['scripts/check-licences.ts'], { encoding: 'utf8' })).toContain(
    '0 faults',
  );
});

test('the SBOM names what is installed for production, as a graph without loose ends', () => {
  const file = join(temporaryFolder(), 'sbom.json');
  execFileSync(process.execPath, ['scripts/sbom.ts', file]);
  const sbom = JSON.parse(readFileSync(file, 'utf8')) as Sbom;
  expect(sbom.metadata.component).toMatchObject({ name: 'vultr-grpc', version: manifest.version });
  const full = ({ group, name }: Sbom['components'][number]): string => (group ? `${group}/${name}` : name);
  const names = sbom.components.map(full);
  expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
  expect(names).toContain('swagger-ui-dist');
  expect(names).not.toContain('vitest');
  expect(names).not.toContain('@scarf/scarf');
  for (const component of sbom.components) {
    const { hashes, licenses } = component;
    expect(hashes, full(component)).toEqual([
      { alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) },
    ]);
    expect(licenses, full(component)).toHaveLength(1);
  }
  // Every package is reached from the service, and nothing else is.
  const edges = new Map(sbom.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const reached = new Set<string>();
  const visit = (ref: string): void => {
    if (reached.has(ref)) return;
    reached.add(ref);
    const next = edges.get(ref);
    if (next === undefined) throw new Error(`The SBOM does not have ${ref}.`);
    next.forEach(visit);
  };
  visit(`pkg:npm/vultr-grpc@${manifest.version}`);
  expect(sbom.components.map((each) => each['bom-ref']).filter((ref) => !reached.has(ref))).toEqual([]);
});

test('the workflow that publishes runs the whole of CI, and states where a version comes from', () => {
  const { jobs, on } = parse(readFileSync('.github/workflows/publish.yml', 'utf8')) as {
    readonly on: object;
    readonly jobs: Readonly<
      Record<string, { readonly permissions: object; readonly steps: readonly { readonly run?: string }[] }>
    >;
  };
  expect(on).toEqual({ push: { tags: ['v*'] } });
  expect(jobs['publish']?.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
  const commands = jobs['publish']?.steps.flatMap(({ run }) => run ?? []) ?? [];
  expect(commands.indexOf('.ci/run')).toBeGreaterThan(0);
  expect(commands.at(-1)).toBe('npm publish --provenance --access public');
});
