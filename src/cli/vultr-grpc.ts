#!/usr/bin/env node
import module from 'node:module';

/**
 * The command. It imports the program only after the check, and no name that an older Node lacks: there the imports
 * would fail before a sentence could be said.
 */
const MINIMUM_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) < MINIMUM_MAJOR) {
  process.stderr.write(
    `vultr-grpc needs Node ${MINIMUM_MAJOR} or later; this is ${process.versions.node}.\n`,
  );
  process.exitCode = 1;
} else {
  // Compiled code is kept in the temporary folder: later starts are somewhat quicker.
  module.enableCompileCache();
  const { run } = await import('./run.ts');
  await run(process.argv.slice(2));
}
