import type { RequestOptions } from '../sandbox/client.ts';
import type { Observed, Vultr } from './expectation.ts';

/** An id that nothing has. */
export const NO_ID = '00000000-0000-4000-8000-000000000000';

/** Observes the status of a response. */
export const status = (line: string, options?: RequestOptions) => async (vultr: Vultr) =>
  (await vultr.send(line, options)).status;

/** Observes a refusal: its status, and its body or, when that is not JSON, its text. */
export const refusal = (line: string, options?: RequestOptions) => async (vultr: Vultr) => {
  const reply = await vultr.send(line, options);
  return [reply.status, (reply.json ?? reply.text) as Observed];
};

/** What `refusal` observes of an ordinary one. */
export const refused = (code: number, error: string): Observed => [code, { error, status: code }];

/** The names of an object's members, sorted. */
export const names = (value: unknown): readonly string[] => Object.keys((value ?? {}) as object).toSorted();

/** Some members of an object. */
export function pick(value: unknown, ...wanted: readonly string[]): Observed {
  const members = (value ?? {}) as Record<string, Observed>;
  return Object.fromEntries(wanted.map((name) => [name, members[name] ?? null]));
}

/** Lends a thing that is made for the occasion and deleted afterwards. */
export async function lend<Result>(
  vultr: Vultr,
  { create, body, read }: { readonly create: string; readonly body: object; readonly read: string },
  use: (id: string, path: string) => Promise<Result>,
): Promise<Result> {
  const made = await vultr.send(`POST ${create}`, { body });
  const id = made.json?.[read]?.id as string | undefined;
  if (id === undefined) throw new Error(`POST ${create}: ${made.status} ${made.text.slice(0, 200)}`);
  const path = `${create}/${id}`;
  try {
    return await use(id, path);
  } finally {
    await vultr.until(`DELETE ${path}`, ({ status: code }) => code < 500);
  }
}

const INSTANCE = {
  create: '/v2/instances',
  body: { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2284, label: 'vultr-grpc-expectation' },
  read: 'instance',
};

/** What the cheapest instance that is used here costs at most: Vultr bills by the hour. */
export const INSTANCE_COSTS = 0.01;

/** Lends an instance that has booted. */
export const lendInstance = <Result>(
  vultr: Vultr,
  use: (id: string, path: string) => Promise<Result>,
): Promise<Result> =>
  lend(vultr, INSTANCE, async (id, path) => {
    await vultr.until(`GET ${path}`, ({ json }) => json?.instance?.server_status === 'ok');
    return await use(id, path);
  });
