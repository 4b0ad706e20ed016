import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The module of Go that holds the OpenAPI document of Kubernetes. */
const MODULE = 'k8s.io/kubernetes@v1.34.1';

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/**
 * JSON schemas of the kinds of Kubernetes, by kind, in which no member is allowed that Kubernetes does not know; undefined:
 * its OpenAPI document cannot be had.
 */
export function kubernetesSchemas(): ReadonlyMap<string, object> | undefined {
  const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', MODULE], {
    encoding: 'utf8',
    cwd: '/',
    timeout: 120_000,
  });
  if (status !== 0) return undefined;
  const file = join((JSON.parse(stdout) as { Dir: string }).Dir, 'api/openapi-spec/swagger.json');
  if (!existsSync(file)) return undefined;
  const { definitions } = JSON.parse(readFileSync(file, 'utf8')) as { definitions: Record<string, Schema> };
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, one]) => [name, toStrict(one)]));
  const kinds = Object.entries(definitions).flatMap(([name, one]) => {
    const [group] = (one['x-kubernetes-group-version-kind'] ?? []) as { kind: string }[];
    const isWanted = one.properties?.['kind'] !== undefined && group !== undefined;
    return isWanted ? [[group.kind, { $ref: `#/definitions/${name}`, definitions: strict }] as const] : [];
  });
  return new Map(kinds.filter(([kind]) => WANTED.has(kind)));
}

const WANTED = new Set(['Deployment', 'Service', 'ServiceAccount', 'PodDisruptionBudget', 'NetworkPolicy']);

function toStrict(schema: Schema): object {
  if (schema['x-kubernetes-int-or-string'] === true || schema['format'] === 'int-or-string')
    return { type: ['string', 'integer'] };
  return schema.properties === undefined ? schema : { ...schema, additionalProperties: false };
}
