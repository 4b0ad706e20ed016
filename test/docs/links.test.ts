import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { registry } from '../support/v2/declared.ts';

const DOCUMENTS = globSync(['*.md', 'docs/*.md']).toSorted();

/** The anchors of a document: its headings, as forges make anchors of them. */
function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(DOCUMENTS)('%s', (file) => {
  const text = readFileSync(file, 'utf8');

  test('links to files and headings that exist', () => {
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].flatMap(
      ([, path = '', anchor]) => {
        const target = path === '' ? file : join(dirname(file), path);
        if (!existsSync(target)) return [target];
        return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${target}#${anchor}`];
      },
    );
    expect(broken).toEqual([]);
  });

  test('names npm scripts that exist, and no package of a registry', () => {
    const scripts = [...text.matchAll(/\bnpm (run )?([a-z][a-z:]*)\b(?! script)/g)].map(
      ([, , name = '']) => name,
    );
    const known = [...Object.keys(packageJson.scripts), 'ci', 'install', 'script', 'scripts'];
    expect(scripts.filter((name) => !known.includes(name))).toEqual([]);
    // Whoever registered that name would get the keys of everybody who follows the document.
    expect(text).not.toMatch(/\bnpx vultr-grpc|npm (?:i|install|exec) .*vultr-grpc/);
  });

  test('has no command that works only where the package is installed', () => {
    const blocks = [...text.matchAll(/```(?:sh|console)\n(.*?)```/gs)].map(([, block = '']) => block);
    expect(blocks.join('').match(/^(?:\$ )?(?:\w+=\S* )?vultr-grpc (?!ready:).*$/gm)).toBeNull();
  });

  test('names rpcs of vultr.v2 that exist', () => {
    for (const [whole, service, rpc] of text.matchAll(/\b(?:vultr\.v2\.)?([A-Z]\w+Service)\/([A-Z]\w+)/g)) {
      if (service === 'CloudService') continue;
      const names = registry.getService(`vultr.v2.${service}`)?.methods.map(({ name }) => name);
      expect(names, whole).toContain(rpc);
    }
  });
});
