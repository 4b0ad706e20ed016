import { spawnSync } from 'node:child_process';

/** Whether a program is on this machine. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** What is added to the name of tests that are left out without a program. */
export function neededTool(name: string, how: string): string {
  return hasTool(name) ? '' : ` (left out: no ${name}; ${how})`;
}
