import { readFileSync } from 'node:fs';

/** A package that the service runs with. */
export interface ProductionPackage {
  readonly name: string;
  readonly version: string;
  /** Where it is installed, from the root of the checkout. */
  readonly path: string;
  readonly licence: string;
  /** As npm writes it: the name of a hash and its value in base64. */
  readonly integrity: string;
  /** Whether it runs a script of its own when it is installed. */
  readonly hasInstallScript: boolean;
  /** The paths of the packages that it loads. */
  readonly loads: readonly string[];
}

/** Packages of development of which scripts/build.ts puts files into dist/, without what they depend on. */
const COPIED = ['swagger-ui-dist'];

interface LockEntry {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Lock = Readonly<Record<string, LockEntry>>;

/**
 * The packages that package-lock.json has for the service itself, by name and version; of those of development only what is
 * copied into it. The first one is the service.
 */
export function productionPackages(): readonly [ProductionPackage, ...ProductionPackage[]] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Lock };
  const { '': root, ...others } = packages;
  if (root === undefined) throw new Error('package-lock.json does not name this package.');
  const needed = Object.entries(others)
    .filter(([path, { dev = false }]) => !dev || isCopied(path))
    .map(([path, entry]) => toPackage(path, entry, packages))
    .toSorted((one, other) => (`${one.name}@${one.version}` < `${other.name}@${other.version}` ? -1 : 1));
  return [{ ...toPackage('', root, packages), name: 'vultr-grpc' }, ...needed];
}

function toPackage(path: string, entry: LockEntry, packages: Lock): ProductionPackage {
  const { version, license = '', integrity = '', hasInstallScript = false } = entry;
  const copied = COPIED.filter((name) => entry.devDependencies?.[name] !== undefined);
  const loaded = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
  const names = isCopied(path) ? [] : [...loaded, ...copied];
  return {
    name: path.replace(/^.*node_modules\//, ''),
    version,
    path,
    licence: license,
    integrity,
    hasInstallScript,
    loads: names.flatMap((name) => resolve(name, path, packages) ?? []),
  };
}

function isCopied(path: string): boolean {
  return COPIED.some((name) => path === `node_modules/${name}`);
}

/** Where Node finds a package that another one loads: in the nearest node_modules folder that has it. */
function resolve(name: string, from: string, packages: Lock): string | undefined {
  const parts = from.split('/node_modules/');
  const folders = parts.map((_, index) => parts.slice(0, parts.length - index).join('/node_modules/'));
  const paths = [...folders.filter((folder) => folder !== ''), ''].map((folder) =>
    folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`,
  );
  return paths.find((path) => packages[path] !== undefined);
}
