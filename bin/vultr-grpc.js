#!/usr/bin/env node
// CommonJS, as everything in this folder: Node starts with it 8 ms sooner, and serve starts Node twice (heap-size.js).
'use strict';

require('./require-node.js');
const { letHeapGrow } = require('./heap-size.js');
require('./node-http.js');
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { join } = require('node:path');

// Keeps compiled code in the temporary folder, so that later starts are quicker.
enableCompileCache();

// A checkout runs from its sources; the package has only what was built from them.
const sources = join(__dirname, '../src/cli/run.ts');
const { run } = require(existsSync(sources) ? sources : '../dist/main/run.js');
run(process.argv.slice(2), process.env, letHeapGrow);
