import type { Effect } from '../contract/effect.ts';
import type { Caller, Rule } from './model.ts';
import type { Target } from './target.ts';

/** What a policy says about a call, and why. */
export interface Decision {
  readonly isAllowed: boolean;
  /** The rule that decided; undefined: no rule allows it. */
  readonly rule: Rule | undefined;
  /** The effect of the call, as far as it is known. */
  readonly effect: Effect | undefined;
  /** Why, as a sentence without names of caller and method. */
  readonly reason: string;
}

/**
 * Decides whether a caller may do something. Rules of `deny` take precedence over rules of `allow`, and what no rule allows
 * is denied.
 * @param actual the effect of this very request, where its fields make it differ from that of its operation. Rules of
 *   `allow` look at it alone, rules of `deny` at both, since what destroys also changes.
 */
export function decide(
  { allow, deny }: Caller,
  target: Target,
  actual: Effect | undefined = target.effect,
): Decision {
  const denying = deny.find(
    (rule) => applies(rule, target.name, target.effect) || applies(rule, target.name, actual),
  );
  if (denying !== undefined) {
    return {
      isAllowed: false,
      rule: denying,
      effect: actual,
      reason: `The rule deny "${denying.text}" is in the way.`,
    };
  }
  const allowing = allow.find((rule) => applies(rule, target.name, actual));
  if (allowing !== undefined)
    return {
      isAllowed: true,
      rule: allowing,
      effect: actual,
      reason: `The rule allow "${allowing.text}" allows it.`,
    };
  return { isAllowed: false, rule: undefined, effect: actual, reason: missing(target, actual) };
}

function applies(rule: Rule, name: string, effect: Effect | undefined): boolean {
  return rule.kind === 'effect' ? rule.effect === effect : rule.name.matches(name);
}

function missing({ name }: Target, effect: Effect | undefined): string {
  const byEffect = effect === undefined ? '' : ` or "effect:${effect.toLowerCase()}"`;
  return `No rule allows it. It would take allow "${name}"${byEffect}.`;
}
