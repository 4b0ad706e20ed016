import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../bench/overload/redis-server.ts';
import { hasTool } from '../support/tools.ts';

/** A line of the Containerfile, with the stage that it belongs to. */
interface Step {
  readonly stage: string;
  readonly instruction: string;
  readonly rest: string;
}

/** Reads a Containerfile: comments and empty lines are left out, lines that are continued are joined. */
function readContainerfile(text: string): readonly Step[] {
  let stage = '';
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, instruction = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
      if (instruction === 'FROM') stage = / AS (\w+)$/.exec(rest)?.[1] ?? 'final';
      return { stage, instruction, rest };
    });
}

const steps = readContainerfile(readFileSync('deploy/Containerfile', 'utf8'));
const ofFinal = (instruction: string): readonly string[] =>
  steps.filter((step) => step.stage === 'final' && step.instruction === instruction).map(({ rest }) => rest);

/** The files that git knows or would take: what a clean checkout has. */
const CHECKOUT = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(file));

/** What .dockerignore lets into the build. */
function contextFiles(): readonly string[] {
  const lines = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const kept = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const dropped = lines.slice(1).filter((line) => !line.startsWith('!'));
  const within = (file: string, path: string): boolean => file === path || file.startsWith(`${path}/`);
  return CHECKOUT.filter(
    (file) => kept.some((path) => within(file, path)) && !dropped.some((path) => within(file, path)),
  );
}

test('the image runs as nobody, writes to one folder, knows its ports and tells its health', () => {
  expect(ofFinal('USER')).toEqual(['65532:65532']);
  expect(ofFinal('VOLUME')).toEqual(['/var/lib/vultr-grpc']);
  expect(ofFinal('EXPOSE')).toEqual(['50051 8005']);
  expect(ofFinal('HEALTHCHECK').join()).toContain('CMD ["node", "/app/healthcheck.js"]');
  expect(ofFinal('ENTRYPOINT')).toEqual(['["node", "/app/bin/vultr-grpc.js"]']);
  // A shell form would not pass on SIGTERM.
  expect(ofFinal('CMD')).toEqual(['["serve"]']);
  const secrets = steps.filter(
    ({ instruction, rest }) => /^(?:ENV|ARG)$/.test(instruction) && /KEY|REDIS|TOKEN/.test(rest),
  );
  expect(secrets).toEqual([]);
});

const canIsolate =
  process.getuid?.() === 0 &&
  hasTool('chroot') &&
  hasTool('ldd') &&
  spawnSync('unshare', ['--mount', 'true']).status === 0;

describe.skipIf(!canIsolate)(
  `the steps of the Containerfile in clean folders${canIsolate ? '' : ' (left out: it takes root and unshare)'}`,
  { timeout: 600_000 },
  () => {
    const root = mkdtempSync(join(tmpdir(), 'vultr-grpc-image-'));
    const folders: Readonly<Record<string, string>> = {
      build: join(root, 'build'),
      final: join(root, 'final'),
    };
    afterAll(() => rmSync(root, { recursive: true, force: true }));

    /** A path of a stage on this machine. */
    const at = (stage: string, path: string, workdir = '/'): string =>
      join(folders[stage] ?? '', resolve(workdir, path));

    function copy(step: Step, workdir: string): void {
      const [, from] = /--from=(\w+) /.exec(step.rest) ?? [];
      const names = step.rest.replace(/--\S+ /g, '').split(' ');
      const target = names.pop() ?? '';
      for (const name of names) {
        const source = from === undefined ? join(root, 'context', name) : at(from, name);
        const isInto = target.endsWith('/');
        cpSync(source, at(step.stage, isInto ? join(target, basename(name)) : target, workdir), {
          recursive: true,
          verbatimSymlinks: true,
        });
      }
    }

    /**
     * How this machine reaches the registry: without the certificates of a proxy that it trusts, npm tries each package again
     * and again for minutes.
     */
    function wayToRegistry(): NodeJS.ProcessEnv {
      const names = ['NODE_EXTRA_CA_CERTS', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
      const either = names.flatMap((name) => [name, name.toLowerCase()]);
      return Object.fromEntries(
        either.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
      );
    }

    function run(step: Step, workdir: string): void {
      // In the last stage paths are absolute: they are those of the folder that stands for its root.
      const command =
        step.stage === 'final'
          ? step.rest.replaceAll(/ (\/\S+)/g, (_, path: string) => ` ${at('final', path)}`)
          : step.rest;
      // The Node of the project, as in the image, and nothing else of this checkout.
      const node = dirname(process.execPath);
      execFileSync('sh', ['-ec', command], {
        cwd: at(step.stage, workdir),
        env: {
          PATH: `${node}:/usr/local/bin:/usr/bin:/bin`,
          HOME: process.env['HOME'] ?? '/root',
          ...wayToRegistry(),
        },
        stdio: 'pipe',
      });
    }

    /** What the base image brings: node, its libraries and the files that name lookups need. */
    function addNode(): void {
      const node = process.execPath;
      const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
      for (const file of [...libraries, '/etc/hosts', '/etc/nsswitch.conf'].filter((each) =>
        existsSync(each),
      )) {
        mkdirSync(dirname(at('final', file)), { recursive: true });
        copyFileSync(file, at('final', file));
        chmodSync(at('final', file), 0o755);
      }
      mkdirSync(at('final', '/usr/bin'), { recursive: true });
      copyFileSync(node, at('final', '/usr/bin/node'));
      chmodSync(at('final', '/usr/bin/node'), 0o755);
      for (const folder of ['/proc', '/tmp', '/dev']) mkdirSync(at('final', folder), { recursive: true });
    }

    beforeAll(() => {
      for (const file of contextFiles()) {
        mkdirSync(join(root, 'context', dirname(file)), { recursive: true });
        copyFileSync(file, join(root, 'context', file));
      }
      let workdir = '/';
      for (const step of steps) {
        if (step.instruction === 'WORKDIR') {
          workdir = step.rest;
          mkdirSync(at(step.stage, workdir), { recursive: true });
        } else if (step.instruction === 'COPY') copy(step, workdir);
        else if (step.instruction === 'RUN') run(step, workdir);
      }
      addNode();
      chmodSync(root, 0o755);
    }, 600_000);

    /** Runs a program in the last stage: as its user, on a root that is only read but for its volume. */
    function inImage(command: readonly string[], env: Readonly<Record<string, string>>) {
      const image = folders['final'] ?? '';
      const volume = at('final', ofFinal('VOLUME')[0] ?? '');
      const [user = ''] = ofFinal('USER');
      const [uid = ''] = user.split(':');
      const script = [
        `mount --bind ${image} ${image}`,
        `mount -o remount,bind,ro ${image}`,
        `mount -t tmpfs -o mode=0700,uid=${uid},gid=${uid} tmpfs ${volume}`,
        `mount -t proc proc ${image}/proc`,
        `exec chroot --userspec=${user} ${image} "$@"`,
      ].join(' && ');
      const ofImage = ofFinal('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=')));
      return spawn(
        'unshare',
        ['--mount', '--fork', '--kill-child=KILL', 'sh', '-c', script, 'sh', ...command],
        {
          env: {
            PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            ...Object.fromEntries(ofImage),
            ...env,
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
    }

    async function outcomeOf(
      child: ReturnType<typeof inImage>,
    ): Promise<{ code: number | null; text: string }> {
      let text = '';
      child.stdout?.on('data', (chunk) => (text += String(chunk)));
      child.stderr?.on('data', (chunk) => (text += String(chunk)));
      const code = await new Promise<number | null>((done) => child.once('exit', done));
      return { code, text };
    }

    const node = (...args: readonly string[]) => ['/usr/bin/node', ...args];

    test('make an image that has what it needs and no more', () => {
      const files = execFileSync('find', ['.', '-maxdepth', '1'], {
        cwd: at('final', '/app'),
        encoding: 'utf8',
      });
      expect(files.trim().split('\n').toSorted()).toEqual(
        ['.', './bin', './dist', './healthcheck.js', './node_modules', './package.json'].toSorted(),
      );
      for (const name of ['typescript', 'vitest', '@bufbuild/buf', 'node'])
        expect(existsSync(at('final', `/app/node_modules/${name}`)), name).toBe(false);
      expect(existsSync(at('final', '/app/dist/gen/contract.binpb'))).toBe(true);
    });

    test('whose service starts, is found healthy, serves, and stops when told to', async () => {
      const [grpc, http] = [await freePort(), await freePort()];
      const env = {
        VULTR_API_URL: 'sandbox',
        GRPC_LISTEN: `0.0.0.0:${grpc}`,
        HTTP_LISTEN: `0.0.0.0:${http}`,
        ALLOW_ANONYMOUS: 'on',
        PLAINTEXT: 'on',
        DRAIN_DELAY: '0s',
      };
      const service = inImage(node('/app/bin/vultr-grpc.js', 'serve'), env);
      const ended = outcomeOf(service);
      onTestFinished(() => void service.kill('SIGKILL'));
      const check = () => outcomeOf(inImage(node('/app/healthcheck.js'), env));
      await vi.waitFor(async () => expect(await check()).toEqual({ code: 0, text: '' }), {
        timeout: 60_000,
        interval: 500,
      });
      const response = await fetch(`http://127.0.0.1:${http}/api/regions`);
      expect(response.status).toBe(200);
      const [child] = readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8')
        .trim()
        .split(' ');
      expect(readFileSync(`/proc/${child}/status`, 'utf8')).toMatch(/^Uid:\t65532\t65532/m);
      process.kill(Number(child), 'SIGTERM');
      const { code, text } = await ended;
      expect(text).toContain('stopping');
      expect(code).toBe(0);
      expect((await check()).code).toBe(1);
    });

    test('whose root cannot be written to, but its volume can', async () => {
      const write = (path: string) =>
        outcomeOf(inImage(node('-e', `require('fs').writeFileSync(${JSON.stringify(path)}, '')`), {}));
      expect((await write('/app/x')).text).toContain('EROFS');
      expect(await write('/var/lib/vultr-grpc/x')).toEqual({ code: 0, text: '' });
    });
  },
);
