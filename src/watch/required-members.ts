import type { JsonObject, JsonValue } from '../payload/json.ts';
import { WHOLE } from './bindings.ts';
import { isObject } from './json-diff.ts';
import type { Expression } from './metered-expression.ts';

/** A value that a member of the response must have for a condition to hold. */
export interface RequiredMember {
  readonly path: readonly string[];
  readonly value: string | number | boolean;
}

/**
 * Finds what an expression cannot hold without: the comparisons with `==` of a member and a literal that are joined by `&&`. Of
 * other parts nothing is known.
 */
export function requiredMembers({ exprKind }: Expression): readonly RequiredMember[] {
  if (exprKind.case !== 'callExpr') return [];
  const { function: name, args } = exprKind.value;
  if (name === '_&&_') return args.flatMap(requiredMembers);
  const [one, other] = args;
  if (name !== '_==_' || one === undefined || other === undefined) return [];
  const member = memberOf(one, other) ?? memberOf(other, one);
  return member === undefined ? [] : [member];
}

/**
 * Splits an expression at its `||`.
 * @returns expressions, one of which at least holds where it does
 */
export function alternatives(expression: Expression): readonly Expression[] {
  const { exprKind } = expression;
  const isEither = exprKind.case === 'callExpr' && exprKind.value.function === '_||_';
  return isEither ? exprKind.value.args.flatMap(alternatives) : [expression];
}

/** A response with these values instead of its own. */
export function withMembers(state: JsonObject, members: readonly RequiredMember[]): JsonObject {
  return members.reduce((changed, { path, value }) => withMember(changed, path, value), state);
}

function memberOf(member: Expression, literal: Expression): RequiredMember | undefined {
  const path = pathOf(member);
  const value = literalOf(literal);
  if (path === undefined || value === undefined) return undefined;
  const [first, ...rest] = path;
  return { path: first === WHOLE ? rest : path, value };
}

function pathOf({ exprKind }: Expression): readonly string[] | undefined {
  if (exprKind.case === 'identExpr') return [exprKind.value.name];
  if (exprKind.case !== 'selectExpr' || exprKind.value.operand === undefined) return undefined;
  const before = pathOf(exprKind.value.operand);
  return before === undefined ? undefined : [...before, exprKind.value.field];
}

function literalOf({ exprKind }: Expression): RequiredMember['value'] | undefined {
  if (exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = exprKind.value;
  switch (constantKind.case) {
    case 'stringValue':
    case 'boolValue':
    case 'doubleValue':
      return constantKind.value;
    case 'int64Value':
      return Number(constantKind.value);
    default:
      return undefined;
  }
}

function withMember(object: JsonObject, [name, ...rest]: readonly string[], value: JsonValue): JsonObject {
  if (name === undefined) return object;
  const member = object[name];
  const below = member !== undefined && isObject(member) ? member : {};
  return { ...object, [name]: rest.length === 0 ? value : withMember(below, rest, value) };
}
