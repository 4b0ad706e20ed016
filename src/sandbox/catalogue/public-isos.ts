import type { JsonObject } from '../engine/json.ts';

const ISOS: [id: string, name: string, description: string, md5: string][] = [
  ['6c1d6a5e-3f0b-4a54-9d4b-0c5f6f7b9a01', 'Finnix', '125 x86_64', '7a1c9e0cb6d2e6f1f7c24d1d2a0b9e51'],
  [
    '0f3e2d1c-8a7b-4c6d-9e5f-1a2b3c4d5e02',
    'SystemRescue',
    '11.00 x86_64',
    '1b5a7b9c3d0e2f4a6c8e0a2c4e6f8a03',
  ],
  [
    '9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c03',
    'GParted Live',
    '1.6.0 x86_64',
    '2c6b8c0d4e1f3a5b7d9f1b3d5f7a9b04',
  ],
  [
    '3d4e5f6a-7b8c-4d9e-a0f1-2b3c4d5e6f04',
    'Alpine Linux',
    '3.20.0 x86_64',
    '3d7c9d1e5f2a4b6c8e0a2c4e6a8b0c05',
  ],
];

/** ISO images for everybody. They are invented, but have the right shape. */
export const publicIsos: readonly JsonObject[] = ISOS.map(([id, name, description, md5sum]) => ({
  id,
  name,
  description,
  md5sum,
}));
