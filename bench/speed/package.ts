import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const packages = new Map<string, string>();

/**
 * The package of a checkout, which is built when it is first asked for and removed when this process ends.
 * @returns its folder
 */
export function packageOf(checkout: string): string {
  const known = packages.get(checkout);
  if (known !== undefined) return known;
  const parent = mkdtempSync(join(tmpdir(), 'vultr-grpc-package-'));
  process.once('exit', () => rmSync(parent, { recursive: true }));
  const root = installPackage(checkout, join(parent, 'package'));
  packages.set(checkout, root);
  return root;
}

/**
 * Builds the package of a checkout and puts it into a folder as an installation would have it: a checkout itself always runs from
 * its sources. The packages that it needs are those of the checkout.
 * @returns the folder
 */
export function installPackage(checkout: string, folder: string): string {
  const root = resolve(checkout);
  const modules = join(root, 'node_modules');
  const path = [join(modules, '.bin'), process.env['PATH'] ?? ''].join(delimiter);
  execFileSync(process.execPath, ['scripts/build.ts'], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  mkdirSync(folder);
  for (const part of ['package.json', 'bin', 'dist'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(modules, join(folder, 'node_modules'));
  return folder;
}
