import type { Expectation } from './expectation.ts';
import { instances, resources } from './instances.ts';
import { catalogue, lists } from './lists.ts';
import { refusals } from './refusals.ts';
import { transport } from './transport.ts';

/** Everything that is expected of Vultr, in the order of the table. */
export const EXPECTATIONS: readonly Expectation[] = [
  ...transport,
  ...refusals,
  ...lists,
  ...catalogue,
  ...instances,
  ...resources,
];
