import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KEY, startOnSandbox } from '../support/service.ts';
import { startWithContentType } from './drop-in/content-type.ts';
import { newFolder, npmTools, pythonTools, runProgram, type Tools } from './toolbox.ts';

/** Fetching the clients takes a minute or two. */
const PATIENCE_MS = 300_000;

const PYTHON = ['apache-libcloud==3.9.1', 'dns-lexicon==3.25.2', 'vultr-python-client==1.0.2'];
const NODE = ['@vultr/vultr-node@2.8.0'];

/** Somebody else's client, and what its story in drop-in/ tells when all is well. */
interface Client {
  readonly name: string;
  readonly tools: () => Promise<Tools>;
  /** The command that tells the story to a base URL. */
  readonly command: (folder: string, url: string) => readonly [string, ...string[]];
  readonly told: unknown;
  /** Whether it sends a Content-Type without a body, which Vultr asks for since 2026. */
  readonly isCurrent: boolean;
}

const python = (script: string) => ({
  tools: () => pythonTools(PYTHON),
  command: (folder: string, url: string) => [join(folder, 'bin/python'), story(script), url, KEY] as const,
});

/** The records of a new zone and the one that each story adds. */
const recordsOf = (zone: string, ...others: readonly string[][]): unknown => [
  ['A', '', '192.0.2.7'],
  ['A', 'www', '192.0.2.8'],
  ['CNAME', '*', zone],
  ['MX', '', zone],
  ...others,
  ['NS', '', 'ns1.vultr.com'],
  ['NS', '', 'ns2.vultr.com'],
];

const CLIENTS: readonly Client[] = [
  {
    name: 'Apache Libcloud',
    ...python('libcloud_story.py'),
    isCurrent: true,
    told: {
      instance: {
        catalogue: [true, true, true],
        size: [1024, 25, true],
        created: ['story', 'pending', 'vc2-1c-1gb', 'ewr', 'drop-in'],
        booted: 'running',
        addressed: 1,
        listed: ['story'],
        network: ['ewr'],
        stopped: [true, 'stopped'],
        started: [true, 'running'],
        rebooted: [true, 'running'],
        volume: {
          created: ['story', 10, 'ewr'],
          listed: [10],
          attached: [true, true],
          detached: [true, true],
          resized: [true, 20],
          destroyed: true,
          gone: 404,
        },
        destroyed: true,
        gone: 404,
      },
      domain: {
        created: ['libcloud-story.example', true],
        record: ['www', 'A', '192.0.2.8', 600],
        mail: ['', 'MX', 'mail.example.com', 10],
        listed: recordsOf('libcloud-story.example', ['MX', '', 'mail.example.com']),
        updated: [true, '192.0.2.9', 900],
        deleted: [true, 404],
        left: [true, 404],
      },
    },
  },
  {
    name: 'dns-lexicon',
    ...python('lexicon_story.py'),
    isCurrent: false,
    told: {
      before: 'Domain not found',
      domain: 200,
      created: [true, true, true],
      listed: [
        ['A', 'www.lexicon-story.com', '192.0.2.8', 600],
        ['TXT', '_acme-challenge.lexicon-story.com', 'proof of the domain', 600],
      ],
      updated: true,
      'updated by name': true,
      changed: [
        ['A', 'www.lexicon-story.com', '192.0.2.9', 600],
        ['TXT', '_acme-challenge.lexicon-story.com', 'another proof', 600],
      ],
      deleted: true,
      'deleted again': true,
      'deleted by name': true,
      left: [],
      destroyed: 204,
    },
  },
  {
    name: 'vultr-python-client',
    ...python('vultr_python_story.py'),
    isCurrent: false,
    told: {
      instance: {
        catalogue: [true, true, true],
        created: [202, 'story', 'pending'],
        booted: 'running',
        listed: ['story'],
        halted: [204, 'stopped'],
        started: [204, 'running'],
        rebooted: [204, 'running'],
        volume: {
          created: [202, 'story', 10],
          attached: [204, true],
          detached: [204, true],
          destroyed: 204,
          gone: 404,
        },
        destroyed: 204,
        gone: 404,
      },
      domain: {
        created: [200, 'python-story.example'],
        record: [201, '192.0.2.8', 600],
        listed: recordsOf('python-story.example'),
        updated: [204, '192.0.2.9'],
        deleted: [204, 404],
        left: [204, 404],
      },
    },
  },
  {
    name: '@vultr/vultr-node',
    tools: () => npmTools(NODE),
    command: (folder, url) => [process.execPath, story('vultr_node_story.mjs'), folder, url, KEY],
    isCurrent: false,
    told: {
      instance: {
        catalogue: [true, true, true],
        created: ['story', 'pending', true, ['drop-in']],
        booted: 'running',
        listed: ['story'],
        halted: [true, 'stopped'],
        started: [true, 'running'],
        rebooted: [true, 'running'],
        volume: {
          created: ['story', 10, 'ewr'],
          attached: [true, true],
          detached: [true, true],
          updated: [true, 'renamed'],
          destroyed: true,
          gone: 'Not Found',
        },
        destroyed: true,
        gone: 'Not Found',
      },
      domain: {
        created: 'node-story.example',
        record: ['www', 'A', '192.0.2.8', 600],
        listed: recordsOf('node-story.example'),
        updated: [true, '192.0.2.9'],
        deleted: [true, 'Not Found'],
        left: [true, 'Not Found'],
      },
    },
  },
];

function story(file: string): string {
  return resolve('test/foreign/drop-in', file);
}

/** The reads whose responses are right and yet not what the schemas of vultr-python-client allow. */
const UNREADABLE: Readonly<Record<string, string>> = {
  // The schema wants a volume in every cluster, and this one has none.
  get_kubernetes_resources: 'Invalid value `()`, number of items must be greater than or equal to `1`',
  // The schema wants whole dollars for a month, and Vultr has a plan for 2.50.
  list_plans: "Invalid value '2.5' for type integer",
};

/** Starts a service on a sandbox that shows at once what was done, and is quick about the rest. */
async function start(): Promise<{ readonly gateway: string; readonly sandbox: string }> {
  const { app, sandbox } = await startOnSandbox(
    { httpListen: { host: '127.0.0.1', port: 0 } },
    { timeScale: 100, lag: { readMs: 0, listMs: 0 } },
  );
  return { gateway: `http://${app.httpAddress}`, sandbox: sandbox.url };
}

type Skip = (condition: boolean, note: string) => void;

/** Runs what a client is to tell, and reads it. Skips the running test when the client cannot be had. */
async function listen(
  { tools, command }: Pick<Client, 'tools' | 'command'>,
  url: string,
  skip: Skip,
): Promise<unknown> {
  const { folder, missing = '' } = await tools();
  if (folder === undefined) {
    process.stderr.write(`skipped: ${missing}\n`);
    skip(true, missing);
  }
  const [program, ...args] = command(folder ?? '', url);
  // dns-lexicon asks the internet for the list of public suffixes, and goes on with its own when it gets none.
  const env = { TLDEXTRACT_CACHE_TIMEOUT: '1', TLDEXTRACT_CACHE_PATH: await newFolder() };
  return JSON.parse((await runProgram(program, args, { env, timeoutMs: 60_000 })).stdout);
}

describe.each(CLIENTS)('$name', (client) => {
  const { told, isCurrent } = client;

  test(
    'lives through its story with only the base URL changed',
    async ({ skip }) => {
      const { gateway } = await start();
      expect(await listen(client, gateway, skip)).toEqual(told);
    },
    PATIENCE_MS,
  );

  test('sees the same without the gateway, when its requests have a Content-Type', async ({ skip }) => {
    const { sandbox } = await start();
    expect(await listen(client, await startWithContentType(sandbox), skip)).toEqual(told);
  });

  if (isCurrent) return;

  test('is refused without the gateway, since it sends no Content-Type without a body', async ({ skip }) => {
    const { sandbox } = await start();
    await expect(listen(client, sandbox, skip)).rejects.toThrow(/Bad request\b/i);
  });
});

test(
  'vultr-python-client finds everything it reads as its schemas have it',
  async ({ skip }) => {
    const { gateway } = await start();
    const reader = python('vultr_python_reads.py');
    expect(await listen(reader, gateway, skip)).toEqual({ read: 78, failed: UNREADABLE });
  },
  PATIENCE_MS,
);
