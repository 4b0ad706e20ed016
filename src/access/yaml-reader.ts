import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { toLine } from '../base/text.ts';
import { suggest } from '../transcoding/suggest.ts';
import type { Mistakes } from './mistakes.ts';

/** A value of the file, or the place where one is missing. */
export interface Located {
  readonly node: Node | null;
  /** The position at which a mistake is reported. */
  readonly offset: number;
  /** How messages name it: `accounts`, `the member account`. */
  readonly label: string;
}

/** A member of a mapping. */
export interface Member extends Located {
  readonly name: string;
  /** Where its name stands. */
  readonly nameOffset: number;
}

/**
 * Reads values of a parsed YAML file. Each method reports a value of another type as a mistake and returns undefined, so that
 * reading goes on and finds the others.
 */
export class YamlReader {
  readonly mistakes: Mistakes;

  constructor(mistakes: Mistakes) {
    this.mistakes = mistakes;
  }

  fail({ offset }: { readonly offset: number }, message: string): undefined {
    this.mistakes.add(offset, message);
    return undefined;
  }

  /** The members of a mapping, whatever their names. */
  entries(value: Located): readonly Member[] {
    if (!isMap(value.node)) {
      this.fail(value, `${value.label} must be a mapping.`);
      return [];
    }
    return (value.node as YAMLMap<Node, Node | null>).items.map((pair) => toMember(pair, value.offset));
  }

  /** The members of a mapping that may have only these; others are reported as mistakes. */
  members<Name extends string>(
    value: Located,
    names: readonly Name[],
    required: readonly Name[] = [],
  ): Partial<Record<Name, Member>> {
    const found: Partial<Record<Name, Member>> = {};
    const entries = this.entries(value);
    for (const member of entries) {
      const known = names.find((name) => name === member.name);
      if (known === undefined) this.#failUnknown(value, member, names);
      else found[known] = member;
    }
    if (isMap(value.node)) {
      for (const name of required) {
        if (found[name] === undefined) this.fail(value, `${value.label} lacks the member ${name}.`);
      }
    }
    return found;
  }

  #failUnknown({ label }: Located, { name, nameOffset }: Member, names: readonly string[]): void {
    const meant = suggest(name, names);
    const hint = meant === undefined ? `Its members are ${names.join(', ')}.` : `Did you mean ${meant}?`;
    this.fail({ offset: nameOffset }, `${label} has no member ${quote(name)}. ${hint}`);
  }

  /** The items of a list. */
  items(value: Located): readonly Located[] {
    if (!isSeq(value.node)) {
      this.fail(value, `${value.label} must be a list.`);
      return [];
    }
    return value.node.items.map((item) => {
      const node = item as Node | null;
      return { node, offset: node?.range?.[0] ?? value.offset, label: `An item of ${value.label}` };
    });
  }

  /** The texts of a list that holds at least one. */
  texts(value: Located): readonly (Located & { readonly text: string })[] {
    const items = this.items(value);
    if (isSeq(value.node) && items.length === 0) this.fail(value, `${value.label} must not be empty.`);
    return items.flatMap((item) => {
      const text = this.text(item);
      return text === undefined ? [] : [{ ...item, text }];
    });
  }

  /** A text of at least one character. */
  text(value: Located): string | undefined {
    const text = isScalar(value.node) ? value.node.value : undefined;
    if (typeof text === 'number' || typeof text === 'boolean')
      return this.fail(value, `${value.label} must be text. Put it in quotes.`);
    if (typeof text !== 'string' || text === '') return this.fail(value, `${value.label} must be text.`);
    if (text.length > MAX_TEXT || /\p{Cc}/u.test(text))
      return this.fail(value, `${value.label} must be one line of at most ${MAX_TEXT} characters.`);
    return text;
  }

  /** A number within bounds. */
  number(
    value: Located,
    { min, max, isInteger }: { readonly min: number; readonly max: number; readonly isInteger: boolean },
  ): number | undefined {
    const number = isScalar(value.node) ? value.node.value : undefined;
    if (typeof number === 'number' && number >= min && number <= max) {
      if (!isInteger || Number.isInteger(number)) return number;
    }
    const kind = isInteger ? 'a whole number' : 'a number';
    return this.fail(value, `${value.label} must be ${kind} from ${min} to ${max}.`);
  }

  /** `true` or `false`. */
  boolean(value: Located): boolean | undefined {
    const flag = isScalar(value.node) ? value.node.value : undefined;
    return typeof flag === 'boolean' ? flag : this.fail(value, `${value.label} must be true or false.`);
  }
}

/** The longest text that anything in the file may be. */
const MAX_TEXT = 2_000;

function toMember({ key, value }: Pair<Node, Node | null>, fallback: number): Member {
  const name = isScalar(key) ? String(key.value) : '';
  const nameOffset = key.range?.[0] ?? fallback;
  return { name, nameOffset, node: value, offset: value?.range?.[0] ?? nameOffset, label: name };
}

/** A text of the file as part of a message. */
export function quote(text: string): string {
  return `"${toLine(text, 80)}"`;
}
