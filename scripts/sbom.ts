/**
 * Writes the SBOM of the service: all that it runs with, as package-lock.json says, in CycloneDX 1.6. (`npm sbom --omit dev`
 * leaves out what is a tool of development, too, such as the protobuf runtime.) The same lock file gives the same text.
 *
 *   node scripts/sbom.ts FILE
 */
import { writeFileSync } from 'node:fs';
import { type ProductionPackage, productionPackages } from './production-packages.ts';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('Say where the SBOM is to be written: node scripts/sbom.ts FILE');

const [service, ...packages] = productionPackages();
const refs = new Map([service, ...packages].map((each) => [each.path, purl(each)]));
const sbom = {
  $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: {
    lifecycles: [{ phase: 'build' }],
    component: { ...component(service), type: 'application' },
  },
  components: unique(packages).map(component),
  dependencies: unique([service, ...packages]).map((each) => ({
    ref: purl(each),
    dependsOn: [...new Set(each.loads.flatMap((path) => refs.get(path) ?? []))].toSorted(),
  })),
};
writeFileSync(file, `${JSON.stringify(sbom, undefined, 2)}\n`);
process.stdout.write(`SBOM: ${sbom.components.length} packages, ${file}\n`);

/** A package may be installed in several places. */
function unique(all: readonly ProductionPackage[]): readonly ProductionPackage[] {
  return [...new Map(all.map((each) => [purl(each), each])).values()];
}

function component({ licence, integrity, ...each }: ProductionPackage) {
  const [group, name] = each.name.startsWith('@') ? each.name.split('/') : [undefined, each.name];
  const [algorithm = '', hash = ''] = integrity.split('-');
  return {
    type: 'library',
    'bom-ref': purl(each),
    ...(group !== undefined && { group }),
    name,
    version: each.version,
    purl: purl(each),
    ...(hash !== '' && {
      hashes: [
        { alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(hash, 'base64').toString('hex') },
      ],
    }),
    licenses: [/ (?:AND|OR) /.test(licence) ? { expression: licence } : { license: { id: licence } }],
  };
}

function purl({ name, version }: Pick<ProductionPackage, 'name' | 'version'>): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
