import { readFileSync } from 'node:fs';

/** What an object in Vultr's responses holds. */
export interface Shape {
  readonly name: string;
  /** Where it stands: the ids of operations, and paths in their responses such as `instances[]`, or `.` for the whole. */
  readonly places: readonly { readonly operation: string; readonly path: string }[];
  readonly members: readonly Member[];
}

interface Member {
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
}

/** Reads what is known of the objects. */
export function readShapes(): readonly Shape[] {
  const text = readFileSync(new URL('shapes.txt', import.meta.url), 'utf8');
  const blocks = text.split(/\n{2,}/).map((block) => block.split('\n').filter((line) => !/^#|^$/.test(line)));
  return blocks.filter((lines) => lines.length > 0).map(readShape);
}

function readShape([head = '', ...lines]: readonly string[]): Shape {
  const [name = '', ...places] = head.split(' ');
  return {
    name,
    places: places.map((place) => {
      const [operation = '', path = ''] = place.split(':');
      return { operation, path };
    }),
    members: lines.map((line) => {
      const [, member = '', optional, type = ''] = /^ {2}(\S+?)(\?)? (.+)$/.exec(line) ?? [];
      if (type === '') throw new Error(`shapes.txt: the line ${JSON.stringify(line)} cannot be read.`);
      return { name: member, type, isOptional: optional !== undefined };
    }),
  };
}

/** The values at a path such as `instances[]`, `bare_metal.vpcs[]` or `.`. */
export function valuesAt(response: unknown, path: string): readonly unknown[] {
  if (path === '.') return [response];
  return path.split('.').reduce<readonly unknown[]>(
    (values, step) => {
      const name = step.replace('[]', '');
      const members = values.map((value) => memberOf(value, name));
      return step.endsWith('[]')
        ? members.flatMap((member) => (Array.isArray(member) ? member : [member]))
        : members;
    },
    [response],
  );
}

/** What is wrong with a value that should be of a shape; empty: nothing. */
export function faultsOf(
  value: unknown,
  shape: Shape,
  shapes: ReadonlyMap<string, Shape>,
): readonly string[] {
  return shape.members.flatMap(({ name, type, isOptional }) => {
    const member = memberOf(value, name);
    if (member === undefined) return isOptional ? [] : [`${name} is missing`];
    return isOf(member, type, shapes) ? [] : [`${name} is ${JSON.stringify(member)}, not ${type}`];
  });
}

const PATTERNS: Readonly<Record<string, RegExp>> = {
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/,
  datetime: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
};

function isOf(value: unknown, type: string, shapes: ReadonlyMap<string, Shape>): boolean {
  const element = /^list<(.+)>$/.exec(type)?.[1];
  if (element !== undefined)
    return Array.isArray(value) && value.every((each) => isOf(each, element, shapes));
  const texts = /^"(.+)"$/.exec(type)?.[1];
  if (texts !== undefined) return texts.split('|').some((text) => text === value);
  const pattern = PATTERNS[type];
  if (pattern !== undefined) return typeof value === 'string' && pattern.test(value);
  const shape = shapes.get(type);
  if (shape !== undefined) return faultsOf(value, shape, shapes).length === 0;
  if (type === 'any') return true;
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object' || type === 'map')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
