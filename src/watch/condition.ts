import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import { isObject } from './json-diff.ts';

/** How a condition judges a state. */
export type Verdict =
  | { readonly kind: 'holds' | 'does-not-hold' }
  /** The expression cannot be evaluated for this state. */
  | { readonly kind: 'fault'; readonly description: string };

/** A condition over a response. */
export type Condition = (state: JsonObject) => Verdict;

const MAX_LENGTH = 2_000;

/** The cost of a macro is the length of its list, and of one inside another the product of both. */
const MAX_NESTED_MACROS = 2;

/** The whole response, for members whose names are not identifiers in CEL. */
const WHOLE = 'response';

/**
 * Compiles a CEL expression (https://cel.dev). Its variables are the members of the response, and `response` for all of it.
 * @param field the name of the request's field that holds it, for the violation
 * @throws CallError INVALID_ARGUMENT that says where the expression is wrong
 */
export function compileCondition(source: string, field: string): Condition {
  const refuse = (description: string): CallError => CallError.invalid([{ field, description }]);
  if (source.length > MAX_LENGTH) throw refuse(`Must be at most ${MAX_LENGTH} characters long.`);
  const parsed = parseExpression(source, refuse);
  if (nestedMacros(parsed.expr) > MAX_NESTED_MACROS) {
    throw refuse(
      `Must not nest more than ${MAX_NESTED_MACROS} of the macros all, exists, exists_one, filter and map.`,
    );
  }
  const evaluate = plan(celEnv(), parsed);
  const verdicts = new WeakMap<JsonObject, Verdict>();
  return (state) => {
    const known = verdicts.get(state);
    if (known !== undefined) return known;
    const verdict = toVerdict(evaluate(toBindings(state)), (exprId) =>
      placeOf(source, parsed.sourceInfo?.positions[String(exprId)]),
    );
    verdicts.set(state, verdict);
    return verdict;
  };
}

function parseExpression(
  source: string,
  refuse: (description: string) => CallError,
): ReturnType<typeof parse> {
  try {
    return parse(source);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [, line, column, what = text] = /^<input>:(\d+):(\d+): (.*)$/s.exec(text) ?? [];
    const place = line === undefined ? '' : ` Line ${line}, column ${column}: ${what}.`;
    throw refuse(`Not a CEL expression.${place}`);
  }
}

function toVerdict(result: unknown, place: (exprId: bigint) => string): Verdict {
  if (result === true) return { kind: 'holds' };
  if (result === false) return { kind: 'does-not-hold' };
  if (!isCelError(result))
    return { kind: 'fault', description: 'Must be true or false, for example instance.status == "active".' };
  const where = result.exprId === undefined ? '' : place(result.exprId);
  return {
    kind: 'fault',
    description: `Cannot be evaluated for the response. ${where}${result.message}. Use has(...) for what may be absent.`,
  };
}

function placeOf(source: string, offset: number | undefined): string {
  if (offset === undefined) return '';
  const before = source.slice(0, offset).split('\n');
  return `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: `;
}

const bindings = new WeakMap<JsonObject, Record<string, CelInput>>();

/** The variables of a state, made once for all the conditions that look at it. */
function toBindings(state: JsonObject): Record<string, CelInput> {
  let known = bindings.get(state);
  if (known === undefined) {
    const members = toMap(state);
    known = Object.fromEntries([...members, [WHOLE, members]]);
    bindings.set(state, known);
  }
  return known;
}

function toMap(object: JsonObject): Map<string, CelInput> {
  return new Map(Object.entries(object).map(([name, member]) => [name, toCel(member)]));
}

/** JSON numbers become doubles, except integers that only an int holds exactly; CEL compares the two by value. */
function toCel(value: JsonValue): CelInput {
  if (Array.isArray(value)) return value.map(toCel);
  if (isObject(value)) return toMap(value);
  if (typeof value === 'bigint') return value === BigInt.asIntN(64, value) ? value : Number(value);
  return typeof value === 'object' && value !== null ? Number(JSON.stringify(value)) : value;
}

/** How deeply macros are nested. */
function nestedMacros(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0;
  const below = Math.max(0, ...Object.values(node).map(nestedMacros));
  return 'case' in node && node.case === 'comprehensionExpr' ? below + 1 : below;
}
