import { type Load, openLoad, type Question } from './load.ts';
import { measure, type Round, type Spread, spread } from './measure.ts';
import type { Target } from './process.ts';
import type { Row } from './rows.ts';

/** One side of a line, over all rounds. */
export interface Side {
  readonly name: string;
  readonly perSecond: Spread;
  readonly cpuMicros: Spread;
  readonly p50Ms: Spread;
  readonly residentMb: number;
}

/** A line of the table, measured. */
export interface Result {
  readonly row: string;
  readonly goal: number | undefined;
  readonly sides: readonly Side[];
  /** Of the first side to each of the others: how many times its rate, and the others' CPU time to its own. */
  readonly ratios: readonly { readonly to: string; readonly rate: Spread; readonly cpu: Spread }[];
}

/** What is compared: a process, and what it is asked if that is not what the line asks. */
export interface Compared extends Target {
  readonly question?: Question;
}

/** How long and how often is measured. */
export interface Plan {
  /**
   * How long each side is asked before anything is measured. V8 compiles in several steps, by how often code has run: the service,
   * which has more code than its peers, needs some 15 seconds in all until a call costs the same from then on.
   */
  readonly warmMs: number;
  readonly rounds: number;
  readonly roundMs: number;
  readonly concurrency: number;
}

/**
 * Measures a line: every side once in each round, in turns, and ratios within a round only, so that what else the machine does
 * falls on all of them.
 */
export async function compare(row: Row, targets: readonly Compared[], plan: Plan): Promise<Result> {
  const concurrency = row.isAlone === true ? 1 : plan.concurrency;
  const loads = await Promise.all(targets.map((target) => openLoad(target, target.question ?? row.question)));
  const sides = targets.map((target, index) => ({ target, load: loads[index], rounds: [] as Round[] }));
  try {
    for (const { load } of sides) await (load as Load).run(plan.warmMs, concurrency);
    for (let round = 0; round < plan.rounds; round += 1) {
      // The order changes, so that nobody always comes after the same one.
      for (const one of round % 2 === 0 ? sides : sides.toReversed()) {
        one.rounds.push(await measure(one.target, one.load as Load, plan.roundMs, concurrency));
      }
    }
  } finally {
    for (const load of loads) load.close();
  }
  const [subject, ...others] = sides;
  return {
    row: row.name,
    goal: row.goal,
    sides: sides.map(({ target, rounds }) => toSide(target.name, rounds)),
    ratios: others.map(({ target, rounds }) => ({
      to: target.name,
      rate: ratio(subject?.rounds ?? [], rounds, ({ perSecond }) => perSecond),
      cpu: ratio(rounds, subject?.rounds ?? [], ({ cpuMicros }) => cpuMicros),
    })),
  };
}

function toSide(name: string, rounds: readonly Round[]): Side {
  return {
    name,
    perSecond: spread(rounds.map(({ perSecond }) => perSecond)),
    cpuMicros: spread(rounds.map(({ cpuMicros }) => cpuMicros)),
    p50Ms: spread(rounds.map(({ p50Ms }) => p50Ms)),
    residentMb: Math.max(...rounds.map(({ residentBytes }) => residentBytes)) / 2 ** 20,
  };
}

function ratio(ones: readonly Round[], others: readonly Round[], value: (round: Round) => number): Spread {
  return spread(
    ones.flatMap((one, index) => {
      const other = others[index];
      return other === undefined ? [] : [value(one) / value(other)];
    }),
  );
}
