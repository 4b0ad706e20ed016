/**
 * Holds src/ to two rules. Imports run one way: a room imports itself and the rooms below it, the sandbox imports nothing of
 * the service, so that the two cannot share a mistake, and no files import each other in a circle. And the contract is the
 * only list of Vultr's operations: no source, comments included, names one outside the rooms that are about them.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { loadContract } from '../src/contract/load.ts';

/** From the top down. */
const LAYERS = [
  ['cli'],
  ['app'],
  ['config'],
  ['grpc', 'http'],
  ['pages'],
  ['pipeline'],
  ['cloud', 'v2'],
  ['watch'],
  ['idempotency'],
  ['figures'],
  ['vultr'],
  ['access'],
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

/** The rooms that may name operations: the handlers of this service's own rpcs, and the imitation of Vultr. */
const NAMING_ROOMS = ['cloud', 'watch', 'sandbox'];

const level = new Map<string, number>(LAYERS.flatMap((rooms, index) => rooms.map((room) => [room, index])));
const imports = new Map<string, string[]>();
const faults: string[] = [];

const findNames = createNameFinder();

for (const file of globSync('src/**/*.ts').filter((path) => !path.startsWith('src/gen/'))) {
  const text = readFileSync(file, 'utf8');
  if (!NAMING_ROOMS.includes(roomOf(file))) {
    for (const name of findNames(text))
      faults.push(`${file} names ${name}: what holds for an operation is stated in its proto`);
  }
  const targets = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
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
  if (from === ISLAND) return 'the sandbox imports nothing of the service';
  if (to === ISLAND)
    return from === 'app' || from === 'cli' ? undefined : 'only app and cli may start the sandbox';
  const [above, below] = [level.get(from), level.get(to)];
  if (above === undefined || below === undefined) return 'a room that scripts/check-imports.ts does not know';
  return above < below ? undefined : `${from} is not above ${to}`;
}

/** Makes a function that finds the names of Vultr services, `Service/Rpc`, and quoted names of rpcs in a text. */
function createNameFinder(): (text: string) => string[] {
  const { operations } = loadContract(readFileSync('src/gen/contract.binpb'));
  const vultrs = [...operations.values()].filter(({ name }) => name.startsWith('vultr.'));
  const services = new Set(vultrs.map(({ service }) => service));
  const names = new Set(vultrs.map(({ name }) => name.replace(/^.*\./, '')));
  const rpcs = new Set(vultrs.map(({ rpc }) => rpc));
  return (text) => [
    ...[...text.matchAll(/\bvultr(?:\.\w+)+/g)].map(([name]) => name).filter((name) => services.has(name)),
    ...[...text.matchAll(/\w+\/\w+/g)].map(([name]) => name).filter((name) => names.has(name)),
    ...[...text.matchAll(/(['"`])(\w+)\1/g)].map(([, , name = '']) => name).filter((name) => rpcs.has(name)),
  ];
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
