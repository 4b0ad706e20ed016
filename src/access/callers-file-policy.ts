import type { Effect } from '../contract/effect.ts';
import { suggest } from '../transcoding/suggest.ts';
import { compileGlob } from './glob.ts';
import type { CreateLimits, Rule } from './model.ts';
import { type Located, type Member, quote, type YamlReader } from './yaml-reader.ts';

const EFFECTS: Readonly<Record<string, Effect>> = {
  read: 'READ',
  secret: 'SECRET',
  create: 'CREATE',
  change: 'CHANGE',
  destroy: 'DESTROY',
};

const EFFECT_PREFIX = 'effect:';

/** Reads `allow` or `deny`. A rule that can never match is reported: a mistake in `deny` would let somebody in. */
export function readRules(
  reader: YamlReader,
  member: Member | undefined,
  targets: readonly string[],
): readonly Rule[] {
  if (member === undefined) return [];
  return reader.items(member).flatMap((item) => {
    const text = reader.text(item);
    const rule = text === undefined ? undefined : readRule(reader, item, text, targets);
    return rule === undefined ? [] : [rule];
  });
}

function readRule(
  reader: YamlReader,
  item: Located,
  text: string,
  targets: readonly string[],
): Rule | undefined {
  if (text.startsWith(EFFECT_PREFIX)) {
    const name = text.slice(EFFECT_PREFIX.length);
    const effect = Object.hasOwn(EFFECTS, name) ? EFFECTS[name] : undefined;
    if (effect !== undefined) return { kind: 'effect', text, effect };
    const known = Object.keys(EFFECTS).map((each) => EFFECT_PREFIX + each);
    return reader.fail(item, `There is no ${quote(text)}. The effects are ${known.join(', ')}.`);
  }
  const name = compileGlob(text);
  if (targets.some((target) => name.matches(target))) return { kind: 'name', text, name };
  const meant = name.isLiteral ? nearest(text, targets) : undefined;
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return reader.fail(item, `${quote(text)} matches no operation and no part of the service.${hint}`);
}

/** The method that was probably meant, looked for in the service that the rule names. */
function nearest(text: string, targets: readonly string[]): string | undefined {
  const service = text.slice(0, text.lastIndexOf('/') + 1);
  const near = targets.filter((target) => target.startsWith(service));
  const meant = suggest(
    text.slice(service.length),
    near.map((target) => target.slice(service.length)),
  );
  return meant === undefined ? undefined : service + meant;
}

/** Reads `create`. */
export function readCreateLimits(reader: YamlReader, member: Member): CreateLimits {
  const names = ['regions', 'plans', 'monthly_cost_max', 'per_hour'] as const;
  const { regions, plans, monthly_cost_max: cost, per_hour: perHour } = reader.members(member, names);
  return {
    regions: regions === undefined ? undefined : reader.texts(regions).map(({ text }) => text.toLowerCase()),
    plans: plans === undefined ? undefined : reader.texts(plans).map(({ text }) => compileGlob(text)),
    monthlyCostMax:
      cost === undefined ? undefined : reader.number(cost, { min: 0, max: 1_000_000, isInteger: false }),
    perHour:
      perHour === undefined ? undefined : reader.number(perHour, { min: 1, max: 100_000, isInteger: true }),
  };
}
