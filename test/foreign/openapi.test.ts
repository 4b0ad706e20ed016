import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderOpenApi } from '../../src/openapi/render.ts';
import { startOnSandbox } from '../support/service.ts';
import { newFolder, npmTools, pythonTools, runProgram, type Tools } from './toolbox.ts';

/** Installing and running tools of others may take minutes on a slow machine. */
const PATIENCE_MS = 900_000;

const json = await renderOpenApi('json', { version: '0.0.0' });

/** The folder of the tools. Skips the running test, with the reason, when they cannot be installed. */
function folderOf(tools: Tools, skip: (condition: boolean, note: string) => void): string {
  if (tools.folder !== undefined) return tools.folder;
  process.stderr.write(`skipped: ${tools.missing}\n`);
  skip(true, tools.missing);
  throw new Error(tools.missing);
}

/** A folder with the document, and a service on the sandbox. */
async function start(document = json) {
  const folder = await newFolder();
  const file = join(folder, 'openapi.json');
  await writeFile(file, document);
  const { app, sandbox } = await startOnSandbox(
    { httpListen: { host: '127.0.0.1', port: 0 } },
    { timeScale: 100 },
  );
  return { folder, file, sandbox, url: `http://${app.httpAddress}` };
}

describe('validators', () => {
  test(
    'Redocly, with its strictest rules, finds only that Vultr has ambiguous paths',
    async ({ skip }) => {
      const tools = folderOf(await npmTools(['@redocly/cli@2.77.0']), skip);
      const { folder, file } = await start();
      await writeFile(join(folder, 'redocly.yaml'), 'extends: [recommended-strict]\n');
      const args = ['lint', '--format=json', '--max-problems=1000', file];
      const env = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
      const report = await runProgram(join(tools, 'node_modules/.bin/redocly'), args, {
        cwd: folder,
        env,
      }).then(
        ({ stdout }) => stdout,
        ({ cause }) => String(cause.stdout),
      );
      const { problems } = JSON.parse(report) as { problems: { ruleId: string; message: string }[] };
      // `/v2/instances/jobs/{job_id}` and `/v2/instances/{instance_id}/halt`: no id of an instance is "jobs".
      expect(problems.filter(({ ruleId }) => ruleId !== 'no-ambiguous-paths')).toEqual([]);
      expect(problems).toHaveLength(21);
      for (const { message } of problems) expect(message).toMatch(/`\/v2\/[^`]+` and `\/v2\/[^`]+`/);
    },
    PATIENCE_MS,
  );

  test(
    '@seriousme/openapi-schema-validator finds nothing',
    async ({ skip }) => {
      const tools = folderOf(await npmTools(['@seriousme/openapi-schema-validator@2.11.0']), skip);
      const { file } = await start();
      const program = `import { Validator } from '@seriousme/openapi-schema-validator';
      console.log(JSON.stringify(await new Validator().validate(process.argv.at(-1))));`;
      const script = join(tools, 'validate.mjs');
      await writeFile(script, program);
      const { stdout } = await runProgram(process.execPath, [script, file]);
      expect(JSON.parse(stdout)).toEqual({ valid: true });
    },
    PATIENCE_MS,
  );

  test(
    'openapi-spec-validator finds nothing',
    async ({ skip }) => {
      const tools = folderOf(await pythonTools(['openapi-spec-validator==0.9.0']), skip);
      const { file } = await start();
      const { stdout } = await runProgram(join(tools, 'bin/openapi-spec-validator'), [
        '--schema',
        '3.1',
        file,
      ]);
      expect(stdout).toContain(`${file}: OK`);
    },
    PATIENCE_MS,
  );
});

const TYPESCRIPT = `
import createClient from 'openapi-fetch';
import type { paths } from './api.d.ts';
const client = createClient<paths>({ baseUrl: process.argv[2] ?? '', headers: { authorization: 'Bearer any-key' } });
const lines: unknown[] = [];
const regions = await client.GET('/api/regions');
lines.push(regions.data?.data.value.regions.length);
const image = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2136' };
const made = await client.POST('/api/instance', { body: image });
lines.push(made.response.status, Object.keys(made.data?.data.value ?? {}));
const refused = await client.POST('/api/instance', { body: { ...image, region: 'nowhere' } });
lines.push(refused.error?.code);
const path = { instance_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60' };
const halted = await client.POST('/v2/instances/{instance_id}/halt', { params: { path } });
lines.push(halted.response.status);
console.log(JSON.stringify(lines));
`;

const PYTHON = `
import importlib, json, pkgutil, sys
import client.api
from client import AuthenticatedClient
from client.api.cloud import cloud_service_create_instance, cloud_service_list_regions
from client.api.instances import instances_service_halt_instance
from client.models import CloudCreateInstanceRequest, Status
modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(client.api.__path__, 'client.api.')]
api = AuthenticatedClient(base_url=sys.argv[1], token='any-key')
lines = [len(cloud_service_list_regions.sync(client=api).data.value.regions)]
image = {'region': 'ams', 'plan': 'vc2-1c-1gb', 'image_id': '2136'}
made = cloud_service_create_instance.sync_detailed(client=api, body=CloudCreateInstanceRequest.from_dict(image))
lines += [made.status_code, list(made.parsed.data.value.to_dict())]
refused = cloud_service_create_instance.sync(client=api, body=CloudCreateInstanceRequest.from_dict({**image, 'region': 'nowhere'}))
assert isinstance(refused, Status)
lines += [refused.code]
halted = instances_service_halt_instance.sync_detailed('cb676a46-66fd-4dfb-b839-443f2e6c0b60', client=api)
lines += [halted.status_code]
print(json.dumps([len(modules), lines]))
`;

/** What both clients print: regions, status and members of the creation, the code of the refusal, the status of the halt. */
const EXPECTED = [expect.any(Number), 200, ['instance'], 3, 204];

describe('generated clients', () => {
  test(
    'openapi-typescript and openapi-fetch: the client compiles and calls the sandbox',
    async ({ skip }) => {
      const packages = ['openapi-typescript@7.13.0', 'openapi-fetch@0.17.0', '@types/node@26.6.6'];
      const tools = folderOf(await npmTools(packages), skip);
      const { folder, file, url } = await start();
      await symlink(join(tools, 'node_modules'), join(folder, 'node_modules'));
      await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
      await writeFile(
        join(folder, 'redocly.yaml'),
        'extends: [recommended]\nrules: {no-ambiguous-paths: off}\n',
      );
      await writeFile(join(folder, 'main.ts'), TYPESCRIPT);
      const generator = join(tools, 'node_modules/.bin/openapi-typescript');
      await runProgram(generator, [file, '-o', 'api.d.ts'], { cwd: folder });
      const strict = [
        '--strict',
        '--noEmit',
        '--module',
        'nodenext',
        '--target',
        'es2024',
        '--types',
        'node',
      ];
      await runProgram('tsc', [...strict, '--allowImportingTsExtensions', 'main.ts'], { cwd: folder });
      const { stdout } = await runProgram(process.execPath, ['main.ts', url], { cwd: folder });
      expect(JSON.parse(stdout)).toEqual(EXPECTED);
    },
    PATIENCE_MS,
  );

  test(
    'openapi-python-client: every module loads, and the client calls the sandbox',
    async ({ skip }) => {
      const tools = folderOf(await pythonTools(['openapi-python-client==0.29.1']), skip);
      const { folder, file, url } = await start();
      await writeFile(join(folder, 'config.yaml'), 'post_hooks: []\n');
      const generate = ['generate', '--path', file, '--output-path', 'client', '--meta', 'none'];
      const { stdout: said, stderr } = await runProgram(
        join(tools, 'bin/openapi-python-client'),
        [...generate, '--config', 'config.yaml'],
        { cwd: folder },
      );
      // The generator has no way to read YAML, and leaves this response out.
      const omitted = [...(said + stderr).matchAll(/^WARNING parsing (\w+ \S+) within/gm)].map(
        ([, name]) => name,
      );
      expect(omitted).toEqual(['OPTIONS /v2/registry/{registry_id}/docker-credentials/kubernetes']);
      await writeFile(join(folder, 'main.py'), PYTHON);
      const { stdout } = await runProgram(join(tools, 'bin/python'), ['main.py', url], { cwd: folder });
      const [modules, lines] = JSON.parse(stdout);
      expect(modules).toBeGreaterThan(584);
      expect(lines).toEqual(EXPECTED);
    },
    PATIENCE_MS,
  );
});

describe('schemathesis', () => {
  test(
    'finds no server error and no undocumented response in any operation',
    async ({ skip }) => {
      const tools = folderOf(await pythonTools(['schemathesis==4.32.5']), skip);
      const { folder, file, url, sandbox } = await start(withoutDefaults(json));
      const checks =
        'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
      const args = [
        '--no-color',
        'run',
        file,
        '--url',
        url,
        '--checks',
        checks,
        '--phases',
        'examples,fuzzing',
      ];
      const bounds = ['-n', '3', '--seed', '1', '--workers', '2', '--no-shrink', '--continue-on-failure'];
      // A watch that nobody ends has no end.
      const others = ['--exclude-operation-id', 'CloudService_WatchInstance', '--request-timeout', '10'];
      const key = ['-H', 'Authorization: Bearer any-key', '--warnings', 'off'];
      const { stdout: report } = await runProgram(
        join(tools, 'bin/schemathesis'),
        [...args, ...bounds, ...others, ...key],
        { cwd: folder },
      ).catch(({ cause }) => cause as { stdout: string });
      expect(report).toMatch(/Tested: 583/);
      // Vultr refuses changes of a locked server with 500, and on Vultr's own paths that is what comes back.
      const failures = report.split(/^_{4,} /m).slice(1);
      expect(failures.filter((failure) => !/\[500\][\s\S]*Server is currently locked/.test(failure))).toEqual(
        [],
      );
      expect(sandbox.requests.count()).toBeGreaterThan(1_000);
    },
    PATIENCE_MS,
  );
});

/** The document without the response that stands for every other status, so that each one has to be documented. */
function withoutDefaults(text: string): string {
  return JSON.stringify(JSON.parse(text), (name, value) => (name === 'default' ? undefined : value));
}
