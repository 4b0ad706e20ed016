/**
 * Holds the packages that the service runs with to licences that ask for no more than to be named, and to no
 * install scripts. What a package says of itself counts, and package-lock.json has to say the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { productionPackages } from './production-packages.ts';

const ALLOWED = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Their scripts do nothing that is needed; scripts/check-package.sh installs without any. protobufjs gives advice on versions. */
const NEEDLESS_SCRIPTS = ['protobufjs'];

const packages = productionPackages();
const faults = packages.flatMap(({ name, version, path, licence, hasInstallScript }) => {
  const own = ownLicence(path);
  return [
    ...(own !== undefined && own !== licence
      ? [`says ${own || 'nothing'} of its licence, and package-lock.json says ${licence || 'nothing'}`]
      : []),
    ...(isAllowed(licence) ? [] : [`has the licence ${licence || 'none'}, which is not in the list`]),
    ...(hasInstallScript && !NEEDLESS_SCRIPTS.includes(name) ? ['runs a script when it is installed'] : []),
  ].map((fault) => `${name} ${version} ${fault}`);
});

for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`licences: ${packages.length} packages, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** What the installed package says; undefined: it is one for another kind of machine, and is not installed. */
function ownLicence(path: string): string | undefined {
  const file = join(path, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license = '' } = JSON.parse(readFileSync(file, 'utf8')) as { license?: string };
  return license;
}

/** One licence that is allowed, a choice with such a one in it, or several that are allowed all. */
function isAllowed(licence: string): boolean {
  const choices = licence.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return choices.some((choice) => choice.split(' AND ').every((one) => ALLOWED.includes(one)));
}
