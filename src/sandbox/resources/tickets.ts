import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, ok, param, type Route, routes } from '../engine/call.ts';
import { isBase64, named } from '../engine/checks.ts';
import { iso } from '../engine/clock.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import type { World } from '../engine/world.ts';

const TICKETS = '/v2/tickets';
const TICKET = `${TICKETS}/{ticket_reference}`;
const REPLY = `${TICKET}/replies/{ticket_reply_index}`;
const CATEGORIES = ['General Support', 'Account Cancellation', 'Billing Questions', 'Marketplace', 'API v2'];
const HOUR_MS = 3600 * 1000;
const OWNER: JsonObject = {
  from_name: 'Sandbox Owner',
  from_email: 'owner@example.com',
  from_type: 'sub-user',
};
const SUPPORT: JsonObject = {
  from_name: 'Sandbox Support',
  from_email: 'support@example.com',
  from_type: 'staff',
};

/** Support tickets. Support replies once to each ticket, after the provisioning time. */
export const tickets: Resource = {
  routes: routes({
    [`GET ${TICKETS}`]: ({ world }) => {
      const open = world.store.list(TICKETS).filter(({ fields }) => fields['status'] === 'open');
      return ok({ tickets: open.map((ticket) => show(world, ticket)) });
    },
    [`POST ${TICKETS}`]: create,
    [`GET ${TICKET}`]: (call) => ok({ ticket: show(call.world, ticketOf(call)) }),
    [`POST ${TICKET}`]: close,
    // The samples close a ticket here, the documentation closes it at the ticket itself.
    [`POST ${TICKET}/close`]: close,
    [`GET ${TICKET}/replies`]: (call) => {
      const replies = repliesOf(call.world, ticketOf(call));
      return ok({ replies: replies.map((reply, index) => showReply(call.world, reply, index)) });
    },
    [`POST ${TICKET}/replies`]: reply,
    [`GET ${REPLY}/attachments/{ticket_attachment_index}`]: (call) => {
      const attachment = attachmentsOf(replyOf(call))[Number(param(call, 'ticket_attachment_index'))];
      if (attachment === undefined) throw new ApiError(404, 'Attachment not found');
      return ok({ attachment });
    },
    [`POST ${REPLY}/review`]: review,
  }) satisfies Route[],
};

/** Opens a ticket from the customer and returns its reference. */
export function openTicket(
  world: World,
  subject: string,
  description: string,
  linked: JsonObject[] = [],
): string {
  const { random, clock, store, lag } = world;
  const letters = Array.from({ length: 3 }, () => String.fromCharCode(random.integer(65, 90))).join('');
  const reference = `${letters}-${world.nextNumber()}`;
  const now = clock.isoNow();
  store.add(TICKETS, reference, {
    subject,
    date_created: now,
    reference,
    status: 'open',
    linked_subscriptions: linked,
  });
  addReply(world, reference, { ...OWNER, description }, 0);
  addReply(
    world,
    reference,
    { ...SUPPORT, description: 'Thank you, we are looking into it.' },
    lag.provisionMs,
  );
  return reference;
}

function create(call: Call): ApiResponse {
  const { world, body } = call;
  const subject = textIn(body, 'subject');
  const description = textIn(body, 'description');
  const category = body['category'] ?? '';
  if (category !== '' && !CATEGORIES.includes(String(category))) throw invalid('category');
  const reference = openTicket(world, subject, description, linkedTo(call, body['sub-uuid'] ?? ''));
  const ticket = named(call, TICKETS, reference, () => new Error('the new ticket is gone'));
  return { status: 201, body: { ticket: [show(world, ticket)] } };
}

/** The machine that a ticket is about. */
function linkedTo({ world }: Call, uuid: Json): JsonObject[] {
  if (uuid === '') return [];
  for (const [path, type] of [
    ['/v2/instances', 'instance'],
    ['/v2/bare-metals', 'bare_metal'],
  ] as const) {
    const machine = world.store.get(path, String(uuid))?.fields;
    if (machine !== undefined)
      return [{ description: machine['label'] ?? '', status: machine['status'] ?? '', type, uuid }];
  }
  throw invalid('sub-uuid');
}

function close(call: Call): ApiResponse {
  ticketOf(call).fields['status'] = 'closed';
  return noContent;
}

function reply(call: Call): ApiResponse {
  const ticket = ticketOf(call);
  if (ticket.fields['status'] === 'closed') throw badRequest('The ticket is closed.');
  const description = textIn(call.body, 'description');
  const attachments = readAttachments(call.body['attachments'] ?? []);
  addReply(call.world, ticket.id, { ...OWNER, description, attachments }, 0);
  return { status: 201 };
}

function readAttachments(given: Json): JsonObject[] {
  if (!Array.isArray(given)) throw invalid('attachments');
  return given.map((each) => {
    const { file, filename } = isObject(each) ? each : {};
    if (typeof filename !== 'string' || filename === '') throw invalid('attachments');
    if (typeof file !== 'string' || !isBase64(file)) throw invalid('attachments');
    const filesize = Buffer.from(file, 'base64').length;
    return { context_type: contentTypeOf(filename), file, filename, filesize };
  });
}

function contentTypeOf(filename: string): string {
  const extension = filename.split('.').at(-1)?.toLowerCase() ?? '';
  const known: Record<string, string> = {
    txt: 'text/plain',
    log: 'text/plain',
    png: 'image/png',
    pdf: 'application/pdf',
  };
  return known[extension] ?? 'application/octet-stream';
}

function review(call: Call): ApiResponse {
  const { fields } = replyOf(call);
  const comment = textIn(call.body, 'comment');
  const rating = call.body['rating'];
  if (rating !== 1 && rating !== 0 && rating !== -1) throw invalid('rating');
  if (!isFromSupport(fields)) throw badRequest('This reply cannot be reviewed.');
  Object.assign(fields, {
    review_comment: comment,
    review_rating: rating,
    review_date: call.world.clock.isoNow(),
  });
  return noContent;
}

const repliesPath = (reference: string): string => `${TICKETS}/${reference}/replies`;

function addReply(world: World, reference: string, fields: JsonObject, afterMs: number): void {
  const atMs = world.clock.nowMs() + afterMs;
  const unreviewed = { review_comment: '', review_date: '', review_rating: 0 };
  world.store.add(
    repliesPath(reference),
    world.random.uuid(),
    { attachments: [], date: iso(atMs), ...unreviewed, ...fields },
    { readableAtMs: atMs, listedAtMs: atMs },
  );
}

/** The replies in their order, which gives each its index. */
const repliesOf = ({ store }: World, ticket: Entity): Entity[] =>
  store.list(repliesPath(ticket.id)).sort((one, other) => one.listedAtMs - other.listedAtMs);

const ticketOf = (call: Call): Entity =>
  named(call, TICKETS, param(call, 'ticket_reference'), () => new ApiError(404, 'Ticket not found'));

function replyOf(call: Call): Entity {
  const found = repliesOf(call.world, ticketOf(call))[Number(param(call, 'ticket_reply_index'))];
  if (found === undefined) throw new ApiError(404, 'Reply not found');
  return found;
}

/** The examples in the documentation call the status entryStatus. */
function show(world: World, ticket: Entity): JsonObject {
  const last = repliesOf(world, ticket).at(-1)?.fields['date'] ?? '';
  const { status = '' } = ticket.fields;
  return { ...ticket.fields, date_last_entry: last, entryStatus: status };
}

function showReply(world: World, { fields, listedAtMs }: Entity, index: number): JsonObject {
  const attachments = attachmentsOf({ fields }).map(({ context_type = '', filename = '' }, at) => ({
    index: at,
    context_type,
    filename,
  }));
  const age = ageOf(world.clock.nowMs() - listedAtMs);
  return { index, age, ...fields, attachments, reviewable: isFromSupport(fields) ? 1 : 0 };
}

function ageOf(ms: number): string {
  if (ms >= 24 * HOUR_MS) return `${Math.floor(ms / (24 * HOUR_MS))}d`;
  return ms >= HOUR_MS ? `${Math.floor(ms / HOUR_MS)}h` : `${Math.floor(ms / 60_000)}m`;
}

const isFromSupport = (fields: JsonObject): boolean => fields['from_type'] === SUPPORT['from_type'];

function attachmentsOf({ fields }: Pick<Entity, 'fields'>): JsonObject[] {
  const { attachments } = fields;
  return Array.isArray(attachments) ? attachments.filter(isObject) : [];
}

function textIn(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value.trim() === '') throw invalid(name);
  return value;
}

const invalid = (name: string): ApiError => new ApiError(422, `Validation error: ${name}.`);
