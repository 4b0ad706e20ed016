/**
 * Refuses changes of the protos that break callers, against the main branch or, on main itself, against the commit before.
 * The earlier protos are laid out in a folder with today's node_modules, from which buf resolves their imports.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

const base = process.argv[2] ?? findBase();
if (base === undefined) {
  process.stdout.write('breaking changes: not checked, there is no earlier commit to compare with\n');
} else {
  check(base);
}

/** Main where this is another branch, the parent where this is main; undefined in a history of one commit. */
function findBase(): string | undefined {
  const head = git('rev-parse', 'HEAD');
  return ['origin/main', 'main', 'HEAD~1']
    .map((ref) => git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`))
    .find((commit) => commit !== '' && commit !== head);
}

function check(commit: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'protos-'));
  try {
    const archive = execFileSync('git', ['archive', commit, 'proto', 'buf.yaml'], { maxBuffer: 2 ** 28 });
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    const before = join(folder, 'before.binpb');
    execFileSync('buf', ['build', 'proto', '-o', before], { cwd: folder, stdio: 'inherit' });
    const config = namesPackages(folder) ? [] : ['--config', withoutPackageRules()];
    execFileSync('buf', ['breaking', 'proto', '--against', before, ...config], { stdio: 'inherit' });
    process.stdout.write(`breaking changes: none against ${commit.slice(0, 12)}\n`);
  } catch (error) {
    process.stderr.write(
      `breaking changes: the check failed against ${commit.slice(0, 12)}: ${String(error)}\n`,
    );
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the protos in the folder say what the packages of generated code are called. */
function namesPackages(folder: string): boolean {
  return readFileSync(join(folder, 'proto/vultr/cloud/v1/cloud_service.proto'), 'utf8').includes(
    'option go_package',
  );
}

/** buf.yaml without the rules about those names: to give a name for the first time breaks nobody. */
function withoutPackageRules(): string {
  const config = parse(readFileSync('buf.yaml', 'utf8')) as { breaking: Record<string, unknown> };
  config.breaking['except'] = [
    'FILE_SAME_CSHARP_NAMESPACE',
    'FILE_SAME_GO_PACKAGE',
    'FILE_SAME_JAVA_MULTIPLE_FILES',
    'FILE_SAME_JAVA_OUTER_CLASSNAME',
    'FILE_SAME_JAVA_PACKAGE',
  ];
  return JSON.stringify(config);
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // The ref does not exist here.
    return '';
  }
}
