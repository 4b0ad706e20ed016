import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { compileProto } from '../support/compile-proto.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The only code block of a language in a Markdown text. */
function blockOf(markdown: string, language: string): string {
  const blocks = [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))];
  expect(blocks, `blocks of ${language}`).toHaveLength(1);
  return blocks[0]?.[1] ?? '';
}

test("the README's example prints what the README says", async () => {
  const readme = await readFile(join(ROOT, 'src/transcoding/README.md'), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'vultr-grpc-readme-'));
  try {
    await writeFile(join(folder, 'shop.binpb'), await compileProto(blockOf(readme, 'proto')));
    await writeFile(join(folder, 'example.ts'), blockOf(readme, 'ts'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await symlink(join(ROOT, 'src'), join(folder, 'src'));
    const { stdout } = await promisify(execFile)(process.execPath, ['example.ts', 'shop.binpb'], {
      cwd: folder,
    });
    expect(stdout).toBe(blockOf(readme, 'text'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
