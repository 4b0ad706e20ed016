/**
 * Ends the process with one sentence when Node is too old. This is JavaScript, and old JavaScript, because an older Node can
 * neither read TypeScript nor link the program's imports.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { engines } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));
const needed = Number.parseInt(engines.node.replace(/\D+/, ''), 10);

if (Number.parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    `vultr-grpc needs Node ${needed} or later; this is Node ${process.versions.node}. ` +
      'In a checkout, npm ci installs a current Node, which npm start and the other npm scripts use.\n',
  );
  process.exit(1);
}
