import { expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const PROVISION_MS = 10_000;
const DAY_MS = 24 * 3600 * 1000;
const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/** A sandbox whose time stands still but for `advance`, and a ticket. */
async function withTicket() {
  const { sandbox, call } = await sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
  const body = { subject: 'Help', description: 'It is slow.', 'sub-uuid': RUNNING, category: 'API v2' };
  const created = await call('POST /v2/tickets', { body });
  const [ticket] = created.json.ticket;
  return { sandbox, call, created, ticket, path: `/v2/tickets/${ticket.reference}` };
}

test('a ticket is open, gets a reply from support after a while, and leaves the list when it is closed', async () => {
  const { sandbox, call, created, ticket, path } = await withTicket();
  expect(created.status).toBe(201);
  expect(ticket).toMatchObject({ subject: 'Help', status: 'open', entryStatus: 'open' });
  expect(ticket.reference).toMatch(/^[A-Z]{3}-\d+$/);
  expect(ticket.linked_subscriptions).toMatchObject([{ uuid: RUNNING, type: 'instance' }]);
  const replies = async () => (await call(`GET ${path}/replies`)).json.replies;
  expect(await replies()).toMatchObject([{ index: 0, description: 'It is slow.', age: '0m', reviewable: 0 }]);
  sandbox.advance(PROVISION_MS);
  expect(await replies()).toMatchObject([{ index: 0 }, { index: 1, reviewable: 1 }]);
  expect((await call('GET /v2/tickets')).json.tickets).toHaveLength(1);
  const closed = await call(`POST ${path}`);
  expect([closed.status, closed.text]).toEqual([204, '']);
  expect((await call('GET /v2/tickets')).json).toEqual({ tickets: [] });
  expect((await call(`GET ${path}`)).json.ticket.status).toBe('closed');
  const late = await call(`POST ${path}/replies`, { body: { description: 'Thanks' } });
  expect(late.json).toEqual({ error: 'The ticket is closed.', status: 400 });
});

test('a reply brings attachments, which are read one by one', async () => {
  const { sandbox, call, path } = await withTicket();
  sandbox.advance(2 * DAY_MS);
  const attachments = [{ file: 'aGVsbG8=', filename: 'hello.txt' }];
  const replied = await call(`POST ${path}/replies`, { body: { description: 'See there', attachments } });
  expect([replied.status, replied.text]).toEqual([201, '']);
  const { replies } = (await call(`GET ${path}/replies`)).json;
  expect(replies[0].age).toBe('2d');
  expect(replies[2].attachments).toEqual([{ index: 0, context_type: 'text/plain', filename: 'hello.txt' }]);
  expect((await call(`GET ${path}/replies/2/attachments/0`)).json.attachment).toEqual({
    context_type: 'text/plain',
    file: 'aGVsbG8=',
    filename: 'hello.txt',
    filesize: 5,
  });
  expect((await call(`GET ${path}/replies/2/attachments/1`)).json.error).toBe('Attachment not found');
  expect((await call(`GET ${path}/replies/3/attachments/0`)).json.error).toBe('Reply not found');
});

test('only replies of support are reviewed, with a rating of -1, 0 or 1', async () => {
  const { sandbox, call, path } = await withTicket();
  sandbox.advance(PROVISION_MS);
  const review = (index: number, rating: unknown) =>
    call(`POST ${path}/replies/${index}/review`, { body: { comment: 'Fine', rating } });
  expect((await review(0, 1)).json).toEqual({ error: 'This reply cannot be reviewed.', status: 400 });
  expect((await review(1, 2)).status).toBe(422);
  expect((await review(1, -1)).status).toBe(204);
  const [, answer] = (await call(`GET ${path}/replies`)).json.replies;
  expect(answer).toMatchObject({ review_comment: 'Fine', review_rating: -1 });
});

test.each([
  { description: 'no subject' },
  { subject: 'no description' },
  { subject: 'a', description: 'b', category: 'Gossip' },
  { subject: 'a', description: 'b', 'sub-uuid': 'no-such-machine' },
])('a ticket with a wrong body is refused: %j', async (body) => {
  const { call } = await sandboxFor();
  const { json } = await call('POST /v2/tickets', { body });
  expect(json).toEqual({ error: expect.stringMatching(/^Validation error/), status: 422 });
});
