import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * What this process holds, in MB. Garbage is collected first: how much of it there is depends on how quick the machine is, so that
 * the resident memory, and its peak even more, says little.
 */
export function heldMb(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // The second pass collects the buffers that the first one has let go of.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 ** 2;
}
