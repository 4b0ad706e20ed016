import {
  type CelError,
  type CelList,
  type CelValue,
  celError,
  celList,
  isCelList,
  isCelMap,
} from '@bufbuild/cel';
import { regexWork } from './regex-work.ts';
import type { WorkBudget } from './work-budget.ts';

/**
 * Charges for a call with these operands, of which the target is the first, if there is one.
 * @returns the result, where it is not CEL's own function that finds it
 */
export type Meter = (
  budget: WorkBudget,
  operands: readonly (CelValue | undefined)[],
  id: number,
) => CelValue | CelError | undefined;

/** How many characters are compared, copied or searched for a unit of work, and how many keys or elements are copied. */
const CHARACTERS = 64;
const ELEMENTS = 16;

/** To take an element out of a list, or a member out of a map, and look at it. */
const ELEMENT = 2;

/** To look up a time zone, which is done anew for each call. */
const TIME_ZONE = 3_000;

/** What is made from a text, or shown as one. */
const CONVERSIONS = ['bool', 'bytes', 'double', 'duration', 'int', 'string', 'timestamp', 'uint'];

/** The methods of a time. */
const PARTS_OF_TIME = [
  'getDate',
  'getDayOfMonth',
  'getDayOfWeek',
  'getDayOfYear',
  'getFullYear',
  'getHours',
  'getMilliseconds',
  'getMinutes',
  'getMonth',
  'getSeconds',
];

/**
 * The functions that a metered expression calls before each step of a macro, and around what is iterated over or indexed. No
 * expression of a caller's can call them, since no name in CEL holds an `@`.
 */
export const STEP = '@step';
export const RANGE = '@range';
export const INDEXED = '@indexed';

/** The functions whose work is not that of going through their texts once. */
export const METERS: ReadonlyMap<string, Meter> = new Map<string, Meter>([
  [STEP, chargeStep],
  [RANGE, chargeRange],
  [INDEXED, chargeIndexed],
  ['_+_', chargeJoin],
  ['_==_', chargeComparison],
  ['_!=_', chargeComparison],
  ['@in', chargeSearch],
  ['matches', chargeMatch],
  ['size', charging(([of]) => lengthOf(of) / 4)],
  ['contains', charging(([text, part]) => (lengthOf(text) * lengthOf(part)) / 128)],
  ...CONVERSIONS.map((name): [string, Meter] => [name, charging(([from]) => 20 + lengthOf(from))]),
  ...PARTS_OF_TIME.map((name): [string, Meter] => [
    name,
    charging(({ length }) => (length > 1 ? TIME_ZONE : 10)),
  ]),
]);

/** The work of going through a text or bytes once; 0 for anything else. */
export function textWork(value: CelValue): number {
  return lengthOf(value) / CHARACTERS;
}

function charging(work: (operands: Parameters<Meter>[1]) => number): Meter {
  return (budget, operands) => {
    budget.charge(work(operands));
    return undefined;
  };
}

function chargeStep(...[budget, [goesOn, work]]: Parameters<Meter>): CelValue | undefined {
  budget.charge(Number(work));
  return goesOn;
}

/** All elements are taken out before the first step. */
function chargeRange(...[budget, [of]]: Parameters<Meter>): CelValue | undefined {
  if (isCelList(of) || isCelMap(of)) budget.charge(of.size);
  return of;
}

/** A number is compared with every key of a map. */
function chargeIndexed(...[budget, [of]]: Parameters<Meter>): CelValue | undefined {
  if (isCelMap(of)) budget.charge(of.size / ELEMENTS);
  return of;
}

/** The elements of lists that were made by joining others. */
const joinedElements = new WeakMap<CelList, readonly CelValue[]>();

/**
 * Lists are joined by copying. CEL's own function makes a list of lists: what a macro collects, element by element, would
 * become as deep as it is long, and reading it would take the square of that.
 */
function chargeJoin(...[budget, [one, other]]: Parameters<Meter>): CelValue | undefined {
  if (!isCelList(one) || !isCelList(other)) return undefined;
  budget.charge((one.size + other.size) / ELEMENTS);
  const elements = elementsOf(budget, one).concat(elementsOf(budget, other));
  const joined = celList(elements);
  joinedElements.set(joined, elements);
  return joined;
}

function elementsOf(budget: WorkBudget, list: CelList): readonly CelValue[] {
  const known = joinedElements.get(list);
  if (known !== undefined) return known;
  budget.charge(list.size * ELEMENT);
  return [...list];
}

function chargeComparison(...[budget, [one, other]]: Parameters<Meter>): undefined {
  chargePair(budget, one, other);
}

/** Only what is of the same kind and size is compared any further. */
function chargePair(budget: WorkBudget, one: CelValue | undefined, other: CelValue | undefined): void {
  const isPair = (isCelList(one) && isCelList(other)) || (isCelMap(one) && isCelMap(other));
  if (isPair && one.size === other.size) chargeWhole(budget, one);
}

function chargeWhole(budget: WorkBudget, value: CelValue): void {
  budget.charge(ELEMENT + textWork(value));
  if (isCelList(value)) for (const element of value) chargeWhole(budget, element);
  else if (isCelMap(value)) for (const [, member] of value) chargeWhole(budget, member);
}

function chargeSearch(...[budget, [value, where]]: Parameters<Meter>): undefined {
  if (isCelMap(where)) budget.charge(where.size / ELEMENTS);
  if (!isCelList(where)) return;
  const length = lengthOf(value);
  for (const element of where) {
    budget.charge(ELEMENT + (lengthOf(element) === length ? length / CHARACTERS : 0));
    chargePair(budget, element, value);
  }
}

function chargeMatch(...[budget, [text, pattern], id]: Parameters<Meter>): CelError | undefined {
  if (typeof text !== 'string' || typeof pattern !== 'string') return undefined;
  const work = regexWork(pattern, text);
  if (work === undefined) {
    const supported = 'only ASCII characters, and none of \\p, \\P, \\x, \\Q and octal escapes';
    return celError(`a pattern of matches may hold ${supported}`, id);
  }
  budget.charge(work);
  return undefined;
}

function lengthOf(value: CelValue | undefined): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}
