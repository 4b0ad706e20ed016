import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Whether processes can be kept on one core each: util-linux's taskset is there, and more than one core. */
export const isPinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The command that runs a command on one core; the command itself where that cannot be done. */
export function pin(core: number, command: readonly string[]): readonly string[] {
  return isPinned ? ['taskset', '--cpu-list', String(core), ...command] : command;
}

/** Keeps this process, all of its threads included, on one core. */
export function pinSelf(core: number): void {
  if (isPinned)
    spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)]);
}
