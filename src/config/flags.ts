import { suggest } from '../transcoding/suggest.ts';

/** What a command line says, and what is wrong with it. */
export interface Flags {
  /** The values by the names of their flags, without dashes. */
  readonly values: ReadonlyMap<string, string>;
  /** A sentence for each mistake. */
  readonly faults: readonly string[];
}

/**
 * Reads `--name value` and `--name=value`. Whatever starts with two dashes is a flag and never a value, so that a forgotten
 * value does not swallow the flag behind it.
 */
export function readFlags(args: readonly string[], names: readonly string[]): Flags {
  const values = new Map<string, string>();
  const faults: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? '';
    const [, name, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(argument) ?? [];
    const next = args[index + 1];
    const following = next?.startsWith('--') ? undefined : next;
    if (name === undefined) faults.push(`${JSON.stringify(argument)} is not a flag.`);
    else if (!names.includes(name)) faults.push(unknownFlag(name, names));
    else if ((inline ?? following) === undefined) faults.push(`--${name} needs a value.`);
    else if (values.has(name)) faults.push(`--${name} is given more than once.`);
    else values.set(name, inline ?? following ?? '');
    if (name !== undefined && inline === undefined && following !== undefined) index += 1;
  }
  return { values, faults };
}

function unknownFlag(name: string, names: readonly string[]): string {
  const near = suggest(name, names);
  return `There is no flag --${name}.${near === undefined ? '' : ` Did you mean --${near}?`}`;
}
