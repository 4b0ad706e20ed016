/** The order of the locations of a plan. In sao, only the twins with a surcharge are sold. */
export const LOCATION_ORDER =
  'ewr ord dfw sea lax atl ams lhr fra sjc syd yto cdg nrt waw mad icn mia sgp sto mex mel hnl bom jnb tlv blr del scl itm man'.split(
    ' ',
  );

/** One rung of a ladder: what the id of the plan does not say. */
export interface Rung {
  id: string;
  type: string;
  diskType: string;
  monthlyCost: number;
  diskGb: number;
  bandwidthGb: number;
  locations: readonly string[];
  /** Where the twin with a surcharge is sold. Without it, there is no twin. */
  twinLocations?: readonly string[];
  gpu?: { type: string; vramGb: number };
}

const everywhereBut = (...regions: string[]): string[] =>
  LOCATION_ORDER.filter((id) => !regions.includes(id));

/** `tail price/disk GB/bandwidth GB`, separated by commas. */
function rungs(text: string): { tail: string; monthlyCost: number; diskGb: number; bandwidthGb: number }[] {
  return text.split(',').map((line) => {
    const [tail = '', figures = ''] = line.split(' ');
    const [monthlyCost = 0, diskGb = 0, bandwidthGb = 0] = figures.split('/').map(Number);
    return { tail, monthlyCost, diskGb, bandwidthGb };
  });
}

const CLOUD_COMPUTE =
  '1c-0.5gb-v6 2.5/10/512,1c-0.5gb 3.5/10/512,1c-1gb 5/25/1024,1c-2gb 10/55/2048,2c-2gb 15/65/3072,2c-4gb 20/80/3072,4c-8gb 40/160/4096,6c-16gb 80/320/5120,8c-32gb 160/640/6144,16c-64gb 320/1280/10240,24c-96gb 640/1600/15360';
const HIGH_FREQUENCY =
  '1c-1gb 6/32/1024,1c-2gb 12/64/2048,2c-2gb 18/80/3072,2c-4gb 24/128/3072,3c-8gb 48/256/4096,4c-16gb 96/384/5120,6c-24gb 144/448/6144,8c-32gb 192/512/7168,12c-48gb 256/768/8192,16c-58gb 320/1024/9216';
const HIGH_PERFORMANCE =
  '1c-1gb 6/25/2048,1c-2gb 12/50/3072,2c-2gb 18/60/4096,2c-4gb 24/100/5120,4c-8gb 48/180/6144,4c-12gb 72/260/7168,8c-16gb 96/350/8192,12c-24gb 144/500/12288';

/** vc2, vhf and vhp. */
export const sharedLadders: readonly Rung[] = [
  ...rungs(CLOUD_COMPUTE).map((rung) => {
    const base = { ...rung, id: `vc2-${rung.tail}`, type: 'vc2', diskType: 'SSD' };
    if (rung.tail === '1c-0.5gb-v6') return { ...base, locations: ['ewr', 'atl'] };
    if (rung.tail === '1c-0.5gb') return { ...base, locations: ['ewr'] };
    return { ...base, locations: everywhereBut('hnl'), twinLocations: ['sao'] };
  }),
  ...rungs(HIGH_FREQUENCY).map((rung) => ({
    ...rung,
    id: `vhf-${rung.tail}`,
    type: 'vhf',
    diskType: 'HIGHFREQUENCY',
    locations: everywhereBut(
      'hnl',
      ...(rung.monthlyCost >= 144 ? ['dfw'] : []),
      ...(rung.tail.startsWith('16c') ? ['ewr'] : []),
    ),
    twinLocations: ['sao'],
  })),
  ...rungs(HIGH_PERFORMANCE).flatMap((rung) =>
    ['amd', 'intel'].map((vendor) => ({
      ...rung,
      id: `vhp-${rung.tail}-${vendor}`,
      type: 'vhp',
      diskType: `${vendor.toUpperCase()}HIGHPERF`,
      locations: LOCATION_ORDER,
      twinLocations: ['sao'],
    })),
  ),
];

/** Family, then `tail-disk price/bandwidth`; the disk is part of the id. */
const OPTIMIZED: Record<string, string> = {
  g: '1c-4gb-30s 30/4096,2c-8gb-50s 60/5120,4c-16gb-80s 120/6144,8c-32gb-160s 240/7168,16c-64gb-320s 480/8192,24c-96gb-480s 720/9216,32c-128gb-640s 960/9216,40c-160gb-768s 1200/10240,64c-192gb-960s 1920/11264,96c-256gb-1280s 3840/12288',
  c: '1c-2gb-25s 28/4096,2c-4gb-50s 40/5120,2c-4gb-75s 45/5120,4c-8gb-75s 80/6144,4c-8gb-150s 90/6144,8c-16gb-150s 160/7168,8c-16gb-300s 180/7168,16c-32gb-300s 320/8192,16c-32gb-500s 360/8192,32c-64gb-500s 640/9216,32c-64gb-1000s 720/10240',
  m: '1c-8gb-50s 40/5120,2c-16gb-100s 80/6144,2c-16gb-200s 100/6144,2c-16gb-400s 125/6144,4c-32gb-200s 160/8192,4c-32gb-400s 195/8192,4c-32gb-800s 250/8192,8c-64gb-400s 320/9216,8c-64gb-800s 390/9216,8c-64gb-1600s 500/9216,16c-128gb-800s 640/10240,16c-128gb-1600s 785/10240,16c-128gb-3200s 1000/10240,24c-192gb-1200s 960/11264,24c-192gb-2400s 1175/11264,24c-192gb-4800s 1500/11264,32c-256gb-1600s 1280/12288,32c-256gb-3200s 1565/12288',
  s: '1c-8gb-150s 75/4096,2c-16gb-320s 125/6144,2c-16gb-480s 155/6144,4c-32gb-640s 250/7168,4c-32gb-960s 310/7168,8c-64gb-1280s 500/8192,8c-64gb-1920s 620/8192,16c-128gb-2560s 1000/9216,16c-128gb-3840s 1240/9216,24c-192gb-3840s 1500/10240,24c-192gb-5760s 1850/10240,32c-256gb-5760s 2000/12288',
};

/**
 * It is known that g-64c is sold in 26 regions and g-96c in 18, and that some of the larger ones are not sold in sea,
 * but not which regions these are. This choice gives the known numbers of plans in ewr, hnl and sea.
 */
const NOT_IN_SEA =
  'c-32c-64gb-500s c-32c-64gb-1000s g-40c-160gb-768s m-16c-128gb-1600s m-16c-128gb-3200s m-24c-192gb-1200s m-24c-192gb-2400s m-24c-192gb-4800s m-32c-256gb-1600s m-32c-256gb-3200s s-8c-64gb-1920s s-16c-128gb-2560s s-16c-128gb-3840s s-24c-192gb-3840s s-24c-192gb-5760s'.split(
    ' ',
  );
const FEW_REGIONS: Record<string, string[]> = {
  'g-64c-192gb-960s': ['sea', 'ewr', 'hnl', 'mex', 'tlv'],
  'g-96c-256gb-1280s': 'sea ewr hnl mex tlv man itm scl del jnb bom sto mel'.split(' '),
  's-32c-256gb-5760s': ['sea', 'ewr', 'hnl'],
  'm-16c-128gb-800s': ['sea'],
};
/** Two of the large twins with a surcharge are listed, but sold nowhere. */
const TWIN_NOT_SOLD = new Set(['g-64c-192gb-960s', 'g-96c-256gb-1280s']);

/** voc, by disk size. */
export const optimizedLadder: readonly Rung[] = Object.entries(OPTIMIZED)
  .flatMap(([family, text]) => text.split(',').map((line) => optimized(family, line)))
  .sort((one, other) => one.diskGb - other.diskGb);

function optimized(family: string, line: string): Rung {
  const [tail = '', figures = ''] = line.split(' ');
  const [monthlyCost = 0, bandwidthGb = 0] = figures.split('/').map(Number);
  const name = `${family}-${tail}`;
  return {
    id: `voc-${name}-amd`,
    type: 'voc',
    diskType: 'DEDICATEDOPTIMIZED',
    monthlyCost,
    bandwidthGb,
    diskGb: Number(/(\d+)s$/.exec(tail)?.[1]),
    locations: everywhereBut(...(FEW_REGIONS[name] ?? (NOT_IN_SEA.includes(name) ? ['sea'] : []))),
    twinLocations: TWIN_NOT_SOLD.has(name) ? [] : ['sao'],
  };
}

/** Graphics card, then `tail price/disk/bandwidth` and where it is sold. */
const ACCELERATED: Record<string, Record<string, string>> = {
  a16: {
    '2c-8g-2vram 43/50/1024': 'ewr ord lhr fra sjc nrt sgp blr',
    '2c-16g-4vram 86/80/2048': 'ewr ord lhr fra sjc nrt sgp blr',
    '3c-32g-8vram 172/170/3072': 'ewr ord lhr fra sjc nrt sgp blr',
    '6c-64g-16vram 344/350/6144': 'ewr ord lhr fra sjc nrt sgp blr',
    '12c-128g-32vram 688/700/10240': 'ewr ord lhr fra sjc nrt sgp blr',
    '24c-256g-64vram 1375/1200/12288': 'ewr ord lhr fra sjc nrt sgp blr',
    '48c-496g-128vram 2750/1500/15360': 'ewr ord lhr fra sjc nrt sgp blr',
    '96c-960g-256vram 5500/1700/25600': 'fra nrt sgp blr',
  },
  a40: {
    '1c-5g-2vram 55/90/3072': 'ewr lax lhr syd blr',
    '2c-10g-4vram 105/180/4096': 'ewr lhr fra nrt blr',
    '4c-20g-8vram 210/360/5120': 'ewr lax lhr fra syd sgp',
    '6c-30g-12vram 315/550/6144': 'blr',
    '8c-40g-16vram 420/740/8192': 'ewr lhr sgp',
    '12c-60g-24vram 625/1110/10240': 'fra syd sgp',
    '24c-120g-48vram 1250/1400/15360': 'lax',
    '96c-480g-192vram 5000/1400/61440': '',
  },
  a100: {
    '1c-6g-4vram 90/70/1024': 'ewr fra nrt',
    '1c-12g-8vram 180/140/1024': 'ewr blr',
    '2c-15g-10vram 250/170/2048': 'ewr sjc blr',
    '3c-30g-20vram 450/700/3072': 'ewr nrt blr',
    '6c-60g-40vram 875/1400/6144': 'sjc',
    '12c-120g-80vram 1750/1400/10240': '',
    '24c-240g-160vram 3500/1400/10240': '',
    '48c-480g-320vram 7000/1400/15360': '',
    '96c-960g-640vram 14000/2200/25600': '',
  },
  l40s: {
    '16c-180g-48vram 1122.91/1200/10240': 'ewr atl',
    '32c-375g-96vram 2245.82/2200/10240': 'ewr atl',
    '64c-750g-192vram 4491.65/2600/15360': 'ewr atl',
    '128c-1500g-384vram 8983.3/3400/25600': 'atl',
  },
};

/** vcg, by disk size; without surcharge twins. */
export const acceleratedLadder: readonly Rung[] = Object.entries(ACCELERATED)
  .flatMap(([card, ladder]) =>
    Object.entries(ladder).flatMap(([text, where]) => accelerated(card, text, where)),
  )
  .sort((one, other) => one.diskGb - other.diskGb);

function accelerated(card: string, text: string, where: string): Rung[] {
  return rungs(text).map((rung) => ({
    ...rung,
    id: `vcg-${card}-${rung.tail}`,
    type: 'vcg',
    diskType: 'CLOUDGPU',
    locations: LOCATION_ORDER.filter((id) => where.split(' ').includes(id)),
    gpu: { type: `NVIDIA_${card.toUpperCase()}`, vramGb: Number(/(\d+)vram$/.exec(rung.tail)?.[1]) },
  }));
}
