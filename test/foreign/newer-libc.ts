import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { install, runProgram } from './toolbox.ts';

/** The release of Debian whose C and C++ libraries are taken. */
const SUITE = 'trixie';
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1'];

/**
 * How a program is started that was built for a newer C library than this machine may have.
 * @returns the words of the command before its arguments, or why it cannot be started here
 */
export async function commandFor(
  program: string,
): Promise<
  { readonly command: readonly string[] } | { readonly command?: undefined; readonly missing: string }
> {
  // What the program itself thinks of being called without arguments does not matter.
  const complaint = await runProgram(program, []).catch(String);
  if (typeof complaint !== 'string' || !/version `GLIBC\S+' not found/.test(complaint))
    return { command: [program] };
  const { folder, missing } = await install('debian', [SUITE, ...LIBRARIES], fetchLibraries);
  if (folder === undefined) return { missing };
  const root = join(folder, 'root/usr');
  const loader = join(root, 'lib64/ld-linux-x86-64.so.2');
  return { command: [loader, '--library-path', join(root, 'lib/x86_64-linux-gnu'), program] };
}

/** The keys that releases of Debian are signed with. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Fetches the libraries by apt-get into a folder. Nothing is installed, and the lists of the machine stay as they are. */
async function fetchLibraries(folder: string): Promise<void> {
  const source = join(folder, 'sources.list');
  await writeFile(source, `deb [signed-by=${KEYRING}] ${await mirror()} ${SUITE} main\n`);
  for (const each of ['lists/partial', 'archives/partial'])
    await mkdir(join(folder, each), { recursive: true });
  const options = [
    `Dir::Etc::SourceList=${source}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
    'Acquire::Languages=none',
    // The user that apt-get would otherwise become may not write here.
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  await runProgram('apt-get', [...options, 'update']);
  await runProgram('apt-get', [...options, 'download', ...LIBRARIES], { cwd: folder });
  await runProgram('sh', ['-c', 'for each in *.deb; do dpkg -x "$each" root || exit; done'], { cwd: folder });
}

/** The mirror of Debian that this machine installs from; it has every release. */
async function mirror(): Promise<string> {
  const args = ['indextargets', '--no-release-info', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const found = (await runProgram('apt-get', args)).stdout.split('\n');
  const uri = found.find((each) => /\/debian\/?$/.test(each));
  if (uri === undefined) throw new Error('This machine installs nothing from a mirror of Debian.');
  return uri;
}
