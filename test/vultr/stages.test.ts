import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { STAGE_ORDER } from '../../src/vultr/stages.ts';
import { context, failure, request, startClient, startHttp } from '../support/vultr.ts';

test('the README lists the stages in the order in which they stand', () => {
  const readme = readFileSync(new URL('../../src/vultr/README.md', import.meta.url), 'utf8');
  const [, table = ''] = /^\| stage \|.*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(readme) ?? [];
  const names = [...table.matchAll(/^\| (\w+) \|/gm)].map(([, name]) => name);
  expect(names).toEqual([...STAGE_ORDER, 'transport']);
});

test('the effects of the stages show that order', async () => {
  const events: string[] = [];
  let count = 0;
  const upstream = await startHttp((_, response) => {
    count += 1;
    events.push(`upstream ${count}`);
    response.writeHead(count === 1 ? 503 : 200).end('{}');
  });
  const client = startClient(upstream.url, {
    retry: { maxAttempts: 2, baseDelayMs: 0 },
    budget: {},
    breaker: { failures: 1, openMs: 60_000 },
    observe: (event) => events.push(event.kind),
    stages: [
      (next) => (asked, given) => {
        events.push('further');
        return next(asked, given);
      },
    ],
  });
  expect((await failure(client.send(request(), context()))).reason).toBe('VULTR_UNAVAILABLE');
  // The repetition passes the further stages, and the breaker, which has opened, refuses it before it asks for a permit.
  expect(events).toEqual([
    'further',
    'permit',
    'upstream 1',
    'breaker',
    'retry',
    'further',
    'breaker_refused',
  ]);
});
