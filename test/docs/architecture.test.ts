import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { STAGE_ORDER } from '../../src/vultr/stages.ts';

const text = readFileSync('docs/architecture.md', 'utf8');

/** The first name in each item of a numbered list, between the comments that bear the list's name. */
function listed(name: string): string[] {
  const list = new RegExp(`<!-- ${name} -->\n(.*?)<!-- /${name} -->`, 's').exec(text)?.[1] ?? '';
  return [...list.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, item = '']) => item);
}

/** The text of a function or method, from the line that has its head to the brace that stands as far left. */
function bodyOf(source: string, head: string): string {
  const lines = source.split('\n');
  const start = lines.findIndex((line) => line.includes(head));
  expect(start, head).toBeGreaterThanOrEqual(0);
  const indent = /^ */.exec(lines[start] ?? '')?.[0] ?? '';
  const length = lines.slice(start).findIndex((line) => line.startsWith(`${indent}}`));
  return lines.slice(start, start + length).join('\n');
}

test('the stages stand in the order in which the client puts them around each other', () => {
  expect(listed('stages')).toEqual([...STAGE_ORDER]);
});

test('the steps of the pipeline stand in the order in which it takes them', () => {
  const source = readFileSync('src/pipeline/pipeline.ts', 'utf8');
  const whole = bodyOf(source, 'unary(incoming: ')
    .replace('this.#begin(', () => bodyOf(source, '#begin(incoming: '))
    .replace('this.#serve(', () => bodyOf(source, '#serve(call: '))
    .replace('this.#admit(', () => bodyOf(source, '#admit(call: '))
    .replace('this.#authorize(', () => bodyOf(source, '#authorize(call: '))
    .replace('this.#succeed(', () => bodyOf(source, '#succeed(call: '));
  const steps = listed('steps');
  expect(steps.length).toBeGreaterThan(8);
  const positions = steps.map((step) => whole.search(new RegExp(`\\b${step.replace('.', '\\??\\.')}\\(`)));
  expect(positions).not.toContain(-1);
  expect(positions).toEqual(positions.toSorted((left, right) => left - right));
});

test('every room is in the table, in the order that the import check holds', () => {
  const layers =
    /const LAYERS = \[(.*?)\] as const;/s.exec(readFileSync('scripts/check-imports.ts', 'utf8'))?.[1] ?? '';
  const order = [...layers.matchAll(/'(\w+)'/g)]
    .map(([, room = '']) => room)
    .filter((room) => room !== 'gen');
  const table = text.slice(text.indexOf('| room |'), text.indexOf('Beside them'));
  expect([...table.matchAll(/\[(\w+)\]\(\.\.\/src\/\w+\)/g)].map(([, room]) => room)).toEqual(order);
  const rooms = globSync('src/*').map((path) => path.slice('src/'.length));
  expect([...order, 'sandbox', 'gen'].toSorted()).toEqual(rooms.toSorted());
});
