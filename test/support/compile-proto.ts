import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const MODULES = resolve(import.meta.dirname, '../../node_modules');
const GOOGLE_FILES = ['api/annotations', 'api/http', 'api/field_behavior', 'api/field_info'];
const OPTIONS = resolve(import.meta.dirname, '../../proto/vultr/options');

/**
 * Compiles a few lines of proto text, as a test writes them where it uses them.
 * @param source a whole file; it may import what google/api, google/protobuf and vultr/options/v1 have
 * @returns the bytes of a google.protobuf.FileDescriptorSet with all imports
 */
export async function compileProto(source: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'vultr-grpc-proto-'));
  try {
    await mkdir(join(folder, 'google/api'), { recursive: true });
    await writeFile(join(folder, 'buf.yaml'), 'version: v2\n');
    await writeFile(join(folder, 'test.proto'), source);
    for (const file of GOOGLE_FILES) {
      await cp(
        join(MODULES, 'google-proto-files/google', `${file}.proto`),
        join(folder, 'google', `${file}.proto`),
      );
    }
    await cp(OPTIONS, join(folder, 'vultr/options'), { recursive: true });
    await symlink(MODULES, join(folder, 'node_modules'));
    const output = join(folder, 'set.binpb');
    const args = ['build', '--path', 'test.proto', '--as-file-descriptor-set', '-o', output];
    await promisify(execFile)(join(MODULES, '.bin/buf'), args, { cwd: folder });
    return await readFile(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
