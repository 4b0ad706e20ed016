/**
 * Holds the imports of src/ to the one direction that they may have: a room imports itself and what stands below it.
 * The sandbox imports nothing of the service, so that the two cannot share a mistake. Cycles between files are refused.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** From the top down. */
const LAYERS = [
  ['cli'],
  ['app'],
  ['config'],
  ['grpc', 'http'],
  ['pipeline'],
  ['cloud', 'v2'],
  ['idempotency'],
  ['vultr'],
  ['telemetry'],
  ['rpc'],
  ['openapi'],
  ['contract'],
  ['transcoding'],
  ['payload'],
  ['status'],
  ['base'],
  ['gen'],
] as const;
const ISLAND = 'sandbox';

const level = new Map<string, number>(LAYERS.flatMap((rooms, index) => rooms.map((room) => [room, index])));
const imports = new Map<string, string[]>();
const faults: string[] = [];

for (const file of globSync('src/**/*.ts').filter((path) => !path.startsWith('src/gen/'))) {
  const targets = [...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(
    ([, path = '']) => normalize(join(dirname(file), path)),
  );
  imports.set(file, targets);
  for (const target of targets) {
    const fault = findFault(roomOf(file), roomOf(target));
    if (fault !== undefined) faults.push(`${file} imports ${target}: ${fault}`);
  }
}
faults.push(...findCycles());

for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`imports: ${imports.size} files, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;

function roomOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? 'src';
}

function findFault(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  if (from === ISLAND) return 'the sandbox stands alone';
  if (to === ISLAND)
    return from === 'app' || from === 'cli' ? undefined : 'only app and cli may start the sandbox';
  const [above, below] = [level.get(from), level.get(to)];
  if (above === undefined || below === undefined) return 'a room that scripts/check-imports.ts does not know';
  return above < below ? undefined : `${from} is not above ${to}`;
}

function findCycles(): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file))
      cycles.push(`cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file) || trail.includes(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}
