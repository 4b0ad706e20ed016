import type { JsonObject } from '../engine/json.ts';

/**
 * `id`, cores, threads, processor, MHz, memory GB, disk GB, disks, disk type, price a month, traffic GB, where sold.
 */
const PLANS: [
  string,
  number,
  number,
  string,
  number,
  number,
  number,
  number,
  string,
  number,
  number,
  string,
][] = [
  [
    'vbm-4c-32gb',
    4,
    8,
    'E3-1270v6',
    3800,
    32,
    240,
    2,
    'SSD',
    120,
    5120,
    'ewr ord dfw lax ams lhr fra sjc nrt sgp syd',
  ],
  [
    'vbm-6c-32gb',
    6,
    12,
    'E-2286G',
    4000,
    32,
    960,
    2,
    'SSD',
    185,
    10240,
    'ewr ord dfw sea lax atl ams lhr fra nrt sgp',
  ],
  [
    'vbm-8c-128gb',
    8,
    16,
    'E-2388G',
    3200,
    128,
    1920,
    2,
    'NVMe',
    350,
    10240,
    'ewr ord lax ams fra nrt sgp mia',
  ],
  [
    'vbm-24c-256gb-amd',
    24,
    48,
    'EPYC 7443P',
    2850,
    256,
    480,
    2,
    'NVMe',
    725,
    25600,
    'ewr ord lax ams fra sgp',
  ],
  ['vbm-48c-1024gb-4-a100-gpu', 48, 96, 'Platinum 8260', 2400, 1024, 450, 2, 'NVMe', 7200, 25600, 'ewr'],
];

/** Bare metal plans, in the shape of `/v2/plans-metal`. These are a few; the full list is not known. */
export const metalPlans: readonly JsonObject[] = PLANS.map(
  ([id, cores, threads, model, mhz, memoryGb, disk, diskCount, diskType, monthlyCost, bandwidth, where]) => ({
    id,
    cpu_count: 1,
    cpu_cores: cores,
    cpu_threads: threads,
    cpu_manufacturer: model.startsWith('EPYC') ? 'AMD' : 'Intel',
    cpu_model: model,
    cpu_mhz: mhz,
    ram: memoryGb * 1024,
    disk,
    disk_count: diskCount,
    disk_type: diskType,
    bandwidth,
    monthly_cost: monthlyCost,
    hourly_cost: Math.round((monthlyCost / 730) * 1000) / 1000,
    type: id.endsWith('gpu') ? 'NVMe' : 'SSD',
    locations: where.split(' '),
  }),
);

/** The bare metal plan of that id, or undefined. */
export const findMetalPlan = (id: unknown): JsonObject | undefined =>
  metalPlans.find((plan) => plan['id'] === id);
