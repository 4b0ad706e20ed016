import type { parse } from '@bufbuild/cel';
import { INDEXED, RANGE, STEP } from './function-meters.ts';

/** An expression as it was parsed. */
export type Expression = ReturnType<typeof parse>['expr'];

type Kind = Expression['exprKind'];
type Of<Case extends Kind['case']> = Extract<Kind, { case: Case }>['value'];

/** What an expression is like. */
export interface Measures {
  /** The work of evaluating it, apart from the steps of its macros and the functions that it calls. */
  readonly work: number;
  /** How deeply macros are nested. */
  readonly macros: number;
}

/** What one step of a macro takes besides its body. */
const EACH_STEP = 10;

/** What a call, a variable or a member takes, also when it ends in one of the errors that `&&` and `||` swallow. */
const CALL = 3;
const VARIABLE = 2;
const MEMBER = 4;

/** To make a message, such as a google.protobuf.Timestamp. */
const MESSAGE = 50;

const NOTHING: Measures = { work: 0, macros: 0 };

/**
 * Changes an expression so that every step of a macro charges for its body, and every list or map for being iterated over or
 * indexed. To be evaluated in a `meteredEnv`.
 * @returns what it is like
 */
export function meterExpression({ exprKind: kind }: Expression): Measures {
  switch (kind.case) {
    case 'selectExpr':
      return meterSelection(kind.value);
    case 'callExpr':
      return meterCall(kind.value);
    case 'listExpr':
      return sum(1, kind.value.elements.map(meterExpression));
    case 'structExpr':
      return meterStruct(kind.value);
    case 'comprehensionExpr':
      return meterMacro(kind.value);
    case 'identExpr':
      return { work: VARIABLE, macros: 0 };
    default:
      return { work: 1, macros: 0 };
  }
}

/** A path of members is looked up under the names of all its beginnings, and each of them is put together. */
function meterSelection({ operand }: Of<'selectExpr'>): Measures {
  return sum(MEMBER + lengthOfPath(operand) / 2, [meterOptional(operand)]);
}

function lengthOfPath(expression: Expression | undefined): number {
  let length = 1;
  for (let kind = expression?.exprKind; kind?.case === 'selectExpr'; kind = kind.value.operand?.exprKind)
    length += 1;
  return length;
}

function meterCall(call: Of<'callExpr'>): Measures {
  const measures = sum(CALL, [meterOptional(call.target), ...call.args.map(meterExpression)]);
  const [of, ...indices] = call.args;
  if (call.function === '_[_]' && of !== undefined) call.args = [callTo(INDEXED, of), ...indices];
  return measures;
}

function meterStruct({ messageName, entries }: Of<'structExpr'>): Measures {
  const parts = entries.map(({ keyKind, value }) =>
    sum(1, [meterOptional(keyKind.case === 'mapKey' ? keyKind.value : undefined), meterOptional(value)]),
  );
  return sum(messageName === '' ? 1 : MESSAGE, parts);
}

function meterMacro(macro: Of<'comprehensionExpr'>): Measures {
  const { iterRange, accuInit, loopCondition, loopStep, result } = macro;
  const body = sum(EACH_STEP, [meterOptional(loopCondition), meterOptional(loopStep)]);
  const around = sum(EACH_STEP, [iterRange, accuInit, result].map(meterOptional));
  if (iterRange !== undefined) macro.iterRange = callTo(RANGE, iterRange);
  if (loopCondition !== undefined)
    macro.loopCondition = callTo(STEP, loopCondition, constant(loopCondition, Math.ceil(body.work)));
  return { work: around.work, macros: 1 + Math.max(body.macros, around.macros) };
}

function meterOptional(expression: Expression | undefined): Measures {
  return expression === undefined ? NOTHING : meterExpression(expression);
}

function sum(own: number, parts: readonly Measures[]): Measures {
  return {
    work: parts.reduce((total, { work }) => total + work, own),
    macros: Math.max(0, ...parts.map(({ macros }) => macros)),
  };
}

function callTo(name: string, of: Expression, ...more: readonly Expression[]): Expression {
  const args = [of, ...more];
  return expression(of, {
    case: 'callExpr',
    value: { $typeName: 'cel.expr.Expr.Call', function: name, args },
  });
}

function constant(at: Expression, value: number): Expression {
  const constantKind = { case: 'doubleValue', value } as const;
  return expression(at, { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind } });
}

function expression({ id }: Expression, exprKind: Kind): Expression {
  return { $typeName: 'cel.expr.Expr', id, exprKind };
}
