import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { recordCases } from './proof/cases.ts';
import { goTools, newFolder, runProgram } from './toolbox.ts';

/** The suite of connectrpc.com, which tests servers of all three protocols with the clients of Go. */
const MODULE = 'connectrpc.com/conformance';
const VERSION = 'v1.0.5';

/** The whole of one run; alone on two processors it takes one or two minutes. */
const PATIENCE_MS = 420_000;

interface KnownFailure {
  readonly reason: string;
  /** Patterns of the suite's own, in which `*` is one part of a name and `**` any number of them. */
  readonly cases: readonly string[];
}

const known: Readonly<Record<'grpc' | 'http', readonly KnownFailure[]>> = JSON.parse(
  await readFile(new URL('conformance/known-failures.json', import.meta.url), 'utf8'),
);

const PLAIN = 'supports_tls: false, supports_message_receive_limit: true';

/** What each side is told to be able to do. */
const FEATURES = {
  http: `features: { versions: [HTTP_VERSION_1, HTTP_VERSION_2], protocols: [PROTOCOL_CONNECT, PROTOCOL_GRPC_WEB],
  codecs: [CODEC_PROTO, CODEC_JSON], compressions: [COMPRESSION_IDENTITY, COMPRESSION_GZIP, COMPRESSION_BR],
  supports_half_duplex_bidi_over_http1: true, ${PLAIN} }`,
  grpc: `features: { versions: [HTTP_VERSION_2], protocols: [PROTOCOL_GRPC], codecs: [CODEC_PROTO],
  compressions: [COMPRESSION_IDENTITY, COMPRESSION_GZIP], ${PLAIN} }`,
};

/** The protos of the suite, compiled. */
async function compileProtos(folder: string): Promise<string> {
  const { stdout } = await runProgram('go', ['mod', 'download', '-json', `${MODULE}@${VERSION}`], {
    cwd: folder,
  });
  const { Dir: source } = JSON.parse(stdout) as { Dir: string };
  const set = join(folder, 'set.binpb');
  await runProgram('buf', ['build', 'proto', '--as-file-descriptor-set', '-o', set], { cwd: source });
  return set;
}

/** Runs the suite, and returns what it printed, whether it was content or not. */
async function run(side: 'grpc' | 'http', suite: string): Promise<string> {
  const folder = await newFolder();
  const [set, config] = [await compileProtos(folder), join(folder, 'config.yaml')];
  await writeFile(config, FEATURES[side]);
  const patterns = known[side].flatMap(({ cases }) => cases.flatMap((each) => ['--known-failing', each]));
  const server = resolve('test/foreign/conformance/server.ts');
  // One server at a time: the suite waits ten seconds for each to start, which several might not do on a slow machine.
  const args = [
    '--mode',
    'server',
    '--max-servers',
    '1',
    '--conf',
    config,
    ...patterns,
    '--',
    process.execPath,
    server,
    set,
  ];
  try {
    const { stdout, stderr } = await promisify(execFile)(suite, args, {
      timeout: PATIENCE_MS,
      // The suite starts some seventy servers, which need not compile the same sources each.
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
      maxBuffer: 2 ** 28,
    });
    return stdout + stderr;
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string };
    return stdout + stderr;
  }
}

const SIDES = [
  ['http', 'connectrpc conformance: Connect and gRPC-Web'],
  ['grpc', 'connectrpc conformance: gRPC'],
] as const;

describe('the conformance suite of connectrpc.com', () => {
  for (const [side, name] of SIDES) {
    test(
      name,
      async ({ task, skip }) => {
        const tools = await goTools([`${MODULE}/cmd/connectconformance@${VERSION}`]);
        if (tools.folder === undefined) skip(true, tools.missing);
        const text = await run(side, join(tools.folder ?? '', 'connectconformance'));
        const numberIn = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
        recordCases(task, {
          suite: name,
          passed: numberIn(/(\d+) passed/),
          total: numberIn(/Total cases: (\d+)/),
          known: numberIn(/Another (\d+) failed as expected/),
        });
        expect(text.match(/^FAILED: .*\n.*/gm) ?? []).toEqual([]);
        expect(text).toMatch(/Total cases: \d+\n\d+ passed, 0 failed$/m);
        expect(text).not.toContain('could not be run');
      },
      2 * PATIENCE_MS,
    );
  }
});
