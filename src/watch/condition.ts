import { isCelError, parse, plan, unparse } from '@bufbuild/cel';
import type { JsonObject } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import { toBindings } from './bindings.ts';
import { meterExpression } from './metered-expression.ts';
import { meteredEnv } from './metered-functions.ts';
import { alternatives, type RequiredMember, requiredMembers } from './required-members.ts';
import { MAX_WORK, TooMuchWork, WorkBudget } from './work-budget.ts';

/** How a condition judges a state. */
export type Verdict =
  | { readonly kind: 'holds' | 'does-not-hold' }
  /** The expression cannot be evaluated for this state. */
  | { readonly kind: 'fault'; readonly description: string };

/** A condition over a response. */
export interface Condition {
  /** Judges a state. Judging the same object again costs nothing. */
  judge(state: JsonObject): Verdict;
  /** What it cannot hold without. */
  readonly required: readonly RequiredMember[];
}

const MAX_LENGTH = 2_000;

/** The work of a macro is the length of its list, and of one inside another the product of both. */
const MAX_NESTED_MACROS = 2;

/** The longest description of a problem in CEL's own words, which may quote a text of the response. */
const MAX_PROBLEM = 300;

/** Evaluations do not overlap, so that one budget serves them all. */
const budget = new WorkBudget();
const environment = meteredEnv(budget);

/**
 * Compiles a CEL expression (https://cel.dev). Its variables are the members of the response, and `response` for all of it.
 * @param field the name of the request's field that holds it, for the violation
 * @throws CallError INVALID_ARGUMENT that says where the expression is wrong
 */
export function compileCondition(source: string, field: string): Condition {
  const refuse = (description: string): CallError => CallError.invalid([{ field, description }]);
  if (source.length > MAX_LENGTH) throw refuse(`Must be at most ${MAX_LENGTH} characters long.`);
  const { evaluate, work, place, required } = prepare(source, refuse);
  const verdicts = new WeakMap<JsonObject, Verdict>();
  const judge = (state: JsonObject): Verdict => {
    if (work > MAX_WORK) return TOO_MUCH;
    const result = metered(() => evaluate(toBindings(state)));
    return toVerdict(result, place);
  };
  return {
    required,
    judge: (state) => {
      const verdict = verdicts.get(state) ?? judge(state);
      verdicts.set(state, verdict);
      return verdict;
    },
  };
}

/** Splits an expression of the contract at its `||`. */
export function alternativesOf(source: string): readonly string[] {
  return alternatives(parse(source).expr).map(unparse);
}

/** Evaluates within a new budget. Errors of CEL are values of which nobody sees the stack, and finding it takes the most time. */
function metered<Result>(evaluate: () => Result): Result {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  budget.refill();
  try {
    return evaluate();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

interface Prepared extends Pick<Condition, 'required'> {
  readonly evaluate: ReturnType<typeof plan>;
  /** What the expression takes without its macros' steps. */
  readonly work: number;
  /** Where a part of the expression stands, for messages. */
  readonly place: (exprId: bigint) => string;
}

function prepare(source: string, refuse: (description: string) => CallError): Prepared {
  try {
    const parsed = parse(source);
    const { macros, work } = meterExpression(parsed.expr);
    if (macros > MAX_NESTED_MACROS) {
      throw refuse(
        `Must not nest more than ${MAX_NESTED_MACROS} of the macros all, exists, exists_one, filter and map.`,
      );
    }
    const { positions } = parsed.sourceInfo ?? {};
    return {
      evaluate: plan(environment, parsed),
      work,
      place: (id) => placeOf(source, positions?.[String(id)]),
      required: requiredMembers(parsed.expr),
    };
  } catch (error) {
    if (error instanceof CallError) throw error;
    if (error instanceof RangeError) throw refuse('Must not be nested so deeply.');
    const text = error instanceof Error ? error.message : String(error);
    const [, line, column, what = text] = /^<input>:(\d+):(\d+): (.*)$/s.exec(text) ?? [];
    const place = line === undefined ? '' : ` Line ${line}, column ${column}: ${what}.`;
    throw refuse(`Not a CEL expression.${place}`);
  }
}

const TOO_MUCH: Verdict = {
  kind: 'fault',
  description: `Takes more than ${MAX_WORK} steps for a response of this size. Look at fewer elements, put no macro inside another, or use in, == or startsWith instead of a macro or matches.`,
};

function toVerdict(result: unknown, place: (exprId: bigint) => string): Verdict {
  if (result === true) return { kind: 'holds' };
  if (result === false) return { kind: 'does-not-hold' };
  if (!isCelError(result))
    return { kind: 'fault', description: 'Must be true or false, for example instance.status == "active".' };
  if (result.cause instanceof TooMuchWork) return TOO_MUCH;
  const where = result.exprId === undefined ? '' : place(result.exprId);
  const problem = result.message.slice(0, MAX_PROBLEM);
  return {
    kind: 'fault',
    description: `Cannot be evaluated for the response. ${where}${problem}. Use has(...) for what may be absent.`,
  };
}

function placeOf(source: string, offset: number | undefined): string {
  if (offset === undefined) return '';
  const before = source.slice(0, offset).split('\n');
  return `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: `;
}
