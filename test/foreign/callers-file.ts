import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVirtualKey } from '../../src/access/virtual-key.ts';

/** Writes a callers file whose only caller, `foreign`, has a virtual key and these rules. */
export function writeCallersFile(
  folder: string,
  vultrKey: string,
  allow: readonly string[],
): { readonly file: string; readonly key: string } {
  const { key, sha256 } = createVirtualKey();
  const [file, keyFile] = [join(folder, `${sha256}.yaml`), join(folder, 'vultr-key')];
  writeFileSync(keyFile, vultrKey);
  writeFileSync(
    file,
    `accounts: { team: { key_file: ${keyFile} } }
callers:
  - { name: foreign, is: [ { token_sha256: "${sha256}" } ], account: team, allow: ${JSON.stringify(allow)} }
`,
  );
  return { file, key };
}
