/** Makes the publishable package: JavaScript in dist/, with the compiled contract and the list of what it is made of. */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
cpSync('src/gen/contract.binpb', 'dist/gen/contract.binpb');
execFileSync(process.execPath, ['scripts/sbom.ts', 'dist/sbom.cdx.json'], { stdio: 'inherit' });
