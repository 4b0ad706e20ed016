import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Plugin, rolldown } from 'rolldown';

/**
 * Where the bundle goes. Files that the sources name by a path of their own (`new URL(…, import.meta.url)`) are beside it, or in
 * `dist/gen`, as for every folder of src/.
 */
export const BUNDLE = 'dist/main';

/** The command, and what runs in threads of its own. */
const ENTRIES = {
  run: 'src/cli/run.ts',
  'sqlite-worker': 'src/idempotency/sqlite-worker.ts',
  worker: 'src/openapi/worker.ts',
};

/** What few services load stays in its packages. grpc-js needs the loader of protos only for services that are not served. */
const NOT_BUNDLED = [/^@opentelemetry\//, '@grpc/proto-loader'];

/**
 * Puts the service and the packages that every start loads into a few files: to find, read and link a thousand of them took
 * half of the start. What is imported when it is needed has files of its own.
 */
export async function bundle(): Promise<void> {
  const build = await rolldown({
    input: ENTRIES,
    platform: 'node',
    external: NOT_BUNDLED,
    plugins: [partsOfUndici()],
  });
  const { output } = await build.write({
    dir: BUNDLE,
    // Node finds, links and runs it in less time than ES modules: 27 of the 519 ms of a start.
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: { annotation: false, jsdoc: false, legal: false },
  });
  await build.close();
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  writeFileSync(`${BUNDLE}/package.json`, '{ "type": "commonjs" }\n');
  writeFileSync(`${BUNDLE}/LICENSES.txt`, licencesOf(modules));
}

/** Where undici has what a start needs of it. */
const UNDICI_PARTS = {
  Pool: 'undici/lib/dispatcher/pool.js',
  buildConnector: 'undici/lib/core/connect.js',
  errors: 'undici/lib/core/errors.js',
};

/**
 * Has the client of Vultr's API load these parts alone. undici's index also runs its mocks, caches, proxies and a second fetch,
 * whether anybody imports them or not. A part that is missing here fails the build.
 */
function partsOfUndici(): Plugin {
  const id = '\0undici-parts';
  const exports = Object.entries(UNDICI_PARTS).map(
    ([name, path]) => `export { default as ${name} } from ${JSON.stringify(path)};`,
  );
  return {
    name: 'parts-of-undici',
    resolveId: (source, importer) =>
      source === 'undici' && importer?.includes('/src/vultr/') === true ? id : undefined,
    load: (given) => (given === id ? exports.join('\n') : undefined),
  };
}

/** The licences of the packages whose code is in the bundle: they ask to go with it. */
function licencesOf(modules: readonly string[]): string {
  const folders = new Set(
    modules.flatMap((path) => path.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  return [...folders].toSorted().map(licenceIn).join('\n');
}

function licenceIn(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<
    'name' | 'version' | 'license',
    string
  >;
  const texts = readdirSync(folder)
    .filter((file) => /^(?:licen[cs]e|notice)/i.test(file) && existsSync(`${folder}/${file}`))
    .map((file) => readFileSync(`${folder}/${file}`, 'utf8').trim());
  return [`${name} ${version}: ${license}`, ...texts, ''].join('\n\n');
}
