import { stringify } from 'yaml';
import { readBundledContract } from '../contract/bundled.ts';
import { loadContract } from '../contract/load.ts';
import { createOpenApi, type OpenApiOptions } from './document.ts';

/** How the document is written. */
export type OpenApiFormat = 'json' | 'yaml';

/** Writes the OpenAPI document of the contract that comes with this package, as text. */
export async function renderOpenApi(format: OpenApiFormat, options: OpenApiOptions): Promise<string> {
  const document = createOpenApi(loadContract(await readBundledContract()), options);
  if (format === 'json') return `${JSON.stringify(document, undefined, 2)}\n`;
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });
}
