#!/usr/bin/env node
import './require-node.js';
import './heap-size.js';
import './node-http.js';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { letHeapGrow } from './heap-size.js';

// Keeps compiled code in the temporary folder, so that later starts are quicker.
module.enableCompileCache();

// A checkout runs from its sources; the package has only what was built from them.
const isCheckout = existsSync(new URL('../src/cli/run.ts', import.meta.url));
const { run } = await import(isCheckout ? '../src/cli/run.ts' : '../dist/main/run.js');
await run(process.argv.slice(2), process.env, letHeapGrow);
