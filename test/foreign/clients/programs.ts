import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProgram } from '../toolbox.ts';

const page = await readFile('docs/clients.md', 'utf8');

/** The titles of the page's sections, each of which is a program. */
export const TITLES: readonly string[] = [...page.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);

/** One program of the page. */
export interface Client {
  /** The title of its section. */
  readonly name: string;
  /** Programs that have to be at hand. */
  readonly needs: readonly string[];
  /** Whether its first build takes many minutes, which are spent only when `FOREIGN_CLIENTS=all` asks for it. */
  readonly isSlow?: boolean;
  /** Whether its library keeps deadlines to itself, and does not tell the service. */
  readonly keepsDeadlines?: boolean;
  /** What to do before the commands of the page. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** Every program of the page. */
export const CLIENTS: readonly Client[] = [
  { name: 'Go', needs: ['go'] },
  { name: 'Python', needs: ['python3'] },
  { name: 'TypeScript', needs: ['npm'] },
  { name: 'TypeScript with nice-grpc', needs: ['npm'], keepsDeadlines: true },
  { name: 'TypeScript with Connect', needs: ['npm'] },
  { name: 'Rust', needs: ['cargo'], isSlow: true },
  { name: 'Java', needs: ['java', 'mvn'], isSlow: true, prepare: useMaven39 },
  { name: 'C#', needs: ['dotnet'] },
];

/** The page asks for Maven 3.9. Distributions have older ones, which can fetch it. */
async function useMaven39(folder: string): Promise<void> {
  const { stdout } = await runProgram('mvn', ['-v']);
  if (!/Maven 3\.[0-8]\./.test(stdout)) return;
  await runProgram('mvn', ['-q', 'wrapper:wrapper', '-Dmaven=3.9.11'], { cwd: folder });
  for (const script of ['run.sh', 'again.sh'].map((name) => join(folder, name)))
    await writeFile(script, (await readFile(script, 'utf8')).replace(/^mvn /m, './mvnw '));
}

/**
 * Writes the files of a program into a folder, its commands as run.sh, and the last of them, which runs what the others have
 * built, as again.sh.
 * @param httpAddress where the contract is fetched from
 */
export async function extract(name: string, folder: string, httpAddress: string): Promise<void> {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${name}\n`));
  const files = [...(section ?? '').matchAll(/^`([^`\n]+)`:\n\n```\w*\n(.*?)^```/gms)];
  const commands = /^```sh\n(.*?)^```/ms.exec(section ?? '')?.[1];
  if (files.length === 0 || commands === undefined) throw new Error(`The page has no program ${name}.`);
  for (const [, file = '', text = ''] of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  await writeFile(join(folder, 'run.sh'), `set -e\n${commands.replaceAll('127.0.0.1:8005', httpAddress)}`);
  await writeFile(join(folder, 'again.sh'), `${commands.trimEnd().split('\n').at(-1)}\n`);
}
