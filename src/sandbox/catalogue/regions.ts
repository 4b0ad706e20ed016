import type { JsonObject } from '../engine/json.ts';

/** `id city country`, ordered by id, as of August 2025. The name of a city may contain spaces. */
const REGIONS: Record<string, string> = {
  Europe:
    'ams Amsterdam NL,cdg Paris FR,fra Frankfurt DE,lhr London GB,mad Madrid ES,man Manchester GB,sto Stockholm SE,waw Warsaw PL',
  'North America':
    'atl Atlanta US,dfw Dallas US,ewr New Jersey US,hnl Honolulu US,lax Los Angeles US,mex Mexico City MX,mia Miami US,ord Chicago US,sea Seattle US,sjc Silicon Valley US,yto Toronto CA',
  Asia: 'blr Bangalore IN,bom Mumbai IN,del Delhi NCR IN,icn Seoul KR,itm Osaka JP,nrt Tokyo JP,sgp Singapore SG,tlv Tel Aviv IL',
  'South America': 'sao São Paulo BR,scl Santiago CL',
  Australia: 'mel Melbourne AU,syd Sydney AU',
  Africa: 'jnb Johannesburg ZA',
};

const WITH_HIGH_PERF = new Set(['ams', 'blr', 'ewr', 'lax', 'lhr', 'nrt', 'ord', 'sgp', 'syd']);
/** These regions list high-performance block storage before the storage-optimised kind. */
const HIGH_PERF_FIRST = new Set(['ewr', 'lhr', 'nrt', 'syd']);

/** All 32 regions, by id. */
export const regions: readonly JsonObject[] = Object.entries(REGIONS)
  .flatMap(([continent, list]) => list.split(',').map((line) => region(continent, line)))
  .sort((one, other) => (String(one['id']) < String(other['id']) ? -1 : 1));

/** The region with that id, in upper or lower case; undefined when it does not exist. */
export function findRegion(id: unknown): JsonObject | undefined {
  return regions.find((candidate) => candidate['id'] === String(id).toLowerCase());
}

/** The kinds of block storage sold in a region. */
export function blockTypes(id: string): string[] {
  return [...(WITH_HIGH_PERF.has(id) ? ['high_perf'] : []), ...(id === 'syd' ? [] : ['storage_opt'])];
}

function region(continent: string, line: string): JsonObject {
  const [id = '', ...words] = line.split(' ');
  const country = words.pop() ?? '';
  const blocks = blockTypes(id).map((type) => `block_storage_${type}`);
  if (!HIGH_PERF_FIRST.has(id)) blocks.reverse();
  const options = ['ddos_protection', ...blocks, 'load_balancers', 'kubernetes'];
  return {
    id,
    city: words.join(' '),
    country,
    continent,
    options,
    connectivity: ['public_ip', 'private_ip', 'nat_gateway'],
  };
}
