import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

/** Media types of the files that pages load. */
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** Files of this package, and those of Swagger UI, which scripts/build.ts puts beside them. */
const OWN = ['docs.js', 'docs.css', 'status.js'] as const;
const SWAGGER_UI = ['swagger-ui-bundle.js', 'swagger-ui.css'] as const;

/** A file that pages load. */
export interface Asset {
  /** Below `/assets/`. */
  readonly name: string;
  readonly contentType: string;
  /** Reads it. Nothing is read before somebody opens a page that needs it. */
  read(): Promise<Uint8Array>;
}

/** All of them. */
export const ASSETS: readonly Asset[] = [
  ...OWN.map((name) => asset(name, new URL(`./browser/${name}`, import.meta.url))),
  ...SWAGGER_UI.map((name) => asset(name, swaggerUi(name))),
];

/** In a checkout it is where npm puts it. */
function swaggerUi(name: string): URL {
  const isCheckout = extname(import.meta.url) === '.ts';
  return new URL(
    isCheckout ? `../../node_modules/swagger-ui-dist/${name}` : `./vendor/swagger-ui/${name}`,
    import.meta.url,
  );
}

function asset(name: string, url: URL): Asset {
  return { name, contentType: TYPES[extname(name)] ?? '', read: () => readFile(url) };
}
