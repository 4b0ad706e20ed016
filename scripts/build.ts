/**
 * Makes the publishable package: JavaScript in dist/, with the compiled contract, what web pages load and the list of what it
 * is made of.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { BUNDLE, bundle } from './bundle.ts';

rmSync('dist', { recursive: true, force: true });
await bundle();
cpSync('src/gen/contract.binpb', 'dist/gen/contract.binpb');
cpSync('src/pages/browser', `${BUNDLE}/browser`, { recursive: true });

// Swagger UI comes with the package, so that whoever installs it needs neither its source maps nor its dependencies.
const SWAGGER_UI = [
  'swagger-ui-bundle.js',
  'swagger-ui-bundle.js.LICENSE.txt',
  'swagger-ui.css',
  'LICENSE',
  'NOTICE',
];
mkdirSync(`${BUNDLE}/vendor/swagger-ui`, { recursive: true });
for (const name of SWAGGER_UI)
  cpSync(`node_modules/swagger-ui-dist/${name}`, `${BUNDLE}/vendor/swagger-ui/${name}`);
execFileSync(process.execPath, ['scripts/sbom.ts', 'dist/sbom.cdx.json'], { stdio: 'inherit' });
