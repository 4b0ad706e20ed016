import type { Kind, Target } from './blocking.ts';
import { sendHttp } from './clients.ts';
import type { WatchedService } from './service.ts';
import type { CannedVultr } from './upstream.ts';

/** A page of plans, as large as Vultr makes them. */
const PLANS = JSON.stringify({
  plans: Array.from({ length: 500 }, (_, n) => ({
    id: `vc2-${n}c-1gb`,
    type: 'vc2',
    monthly_cost: n,
    ram: 1024,
    description: 'x'.repeat(200),
    locations: Array.from({ length: 30 }, (_, place) => `p${place}`),
  })),
  meta: { total: 500, links: { next: '', prev: '' } },
});

/** The same expression so many times, each with a number of its own. */
function times(count: number, between: string, part: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => part(index)).join(between);
}

/** What they did before there were bounds. */
const BEFORE: Readonly<Record<string, string>> = { 'macros side by side': '10.7 s', 'joined lists': '3.2 s' };

/** Conditions that hold, if they are evaluated at all, made of so many parts. */
const CONDITIONS: Readonly<Record<string, (parts: number) => string>> = {
  'macros side by side': (n) =>
    `plans.all(a, true && ${times(n, ' && ', (i) => `plans.all(b${i}, a.id+b${i}.id+a.type+b${i}.type != "1")`)})`,
  'macros without a body': (n) => times(n, ' && ', () => 'plans.all(a, plans.all(b, true))'),
  'a map in a map': (n) => `plans.map(a, plans.map(b, ${times(n, '+', () => '[a, b]')})).size() > 0`,
  'joined lists': (n) => `plans.map(a, plans.map(b, ${times(n, '+', () => 'plans')})).size() > 0`,
  'joined texts': (n) => `plans.all(a, ${times(n, '+', () => 'a.description')} != "")`,
  'texts that double': (n) =>
    `[string(response.plans[0].description)].map(a, [${times(n, '+', () => 'a')}].map(b, ${times(n, '+', () => 'b')})).size() == 1`,
  'errors that are swallowed': (n) => `plans.exists(a, ${times(n, ' || ', () => 'a.x')}) || true`,
  'a path of members': (n) => `plans.all(a, !has(a${'.x'.repeat(n)}.y)) || true`,
  'equal lists': (n) => `plans.all(a, ${times(n, ' && ', () => 'plans == plans')})`,
  'searches in lists': (n) => `plans.all(a, ${times(n, ' && ', (i) => `!(${i} in plans)`)})`,
  'searches in texts': (n) =>
    `plans.all(a, !a.description.contains("${'x'.repeat(Math.min(n, 64))}y${'x'.repeat(n)}"))`,
  'literals in a macro': (n) => `plans.all(a, [${times(n, ',', String)}] != [])`,
  'a regular expression with branches': (n) => `plans.all(a, !a.description.matches("(x|y)*x(x|y){${n}}z$"))`,
  'regular expressions side by side': (n) =>
    `plans.all(a, ${times(n, ' && ', (i) => `!a.id.matches("^[a-z]+${i}(a|b)*$")`)})`,
  'a regular expression of Unicode': (n) => `plans.all(a, a.id.matches("(?i)${'\\\\pL'.repeat(n)}")) || true`,
  'times of a time zone': (n) =>
    `plans.all(a, ${times(n, ' && ', () => 'timestamp(0).getHours("America/New_York") > 0')})`,
  'deep brackets': (n) => `${'['.repeat(n)}${']'.repeat(n)} != 1`,
  'a long sum': (n) => `1${'+1'.repeat(n)} > 0`,
};

let things = 0;

/** Another thing each time, so that its state is judged anew. */
function newThing(vultr: CannedVultr): string {
  vultr.respond({ body: PLANS });
  things += 1;
  return `/v2/plans?per_page=500&thing=${things}`;
}

async function watch(service: WatchedService, thing: string, until: string): Promise<unknown> {
  const path = `${thing}&until=${encodeURIComponent(until)}`;
  return await sendHttp(service.http, 'GET', path, undefined, { accept: 'text/event-stream' });
}

/** Conditions of watches, up to the longest and more than that. */
export const CONDITION_KINDS: readonly Kind[] = [
  ...Object.entries(CONDITIONS).map(([what, make]) => ({
    name: `GET /v2/plans?until=, ${what}`,
    ...(BEFORE[what] !== undefined && { before: BEFORE[what] }),
    sizes: [1, 4, 20, 100, 900, 2_000],
    send: ({ service, vultr }: Target, size: number) => watch(service, newThing(vultr), make(size)),
  })),
  {
    name: 'GET /v2/plans?until=, many conditions of one thing at once',
    sizes: [10, 100],
    send: async ({ service, vultr }, size) => {
      const thing = newThing(vultr);
      const conditions = Array.from({ length: size }, (_, n) => `plans.all(a, plans.all(b, ${n} != 0.5))`);
      await Promise.all(conditions.map((until) => watch(service, thing, until)));
    },
  },
];
