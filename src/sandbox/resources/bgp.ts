import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, routes } from '../engine/call.ts';
import { isBase64 } from '../engine/checks.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { Random } from '../engine/random.ts';

const SETUP_FIELDS = parseFields(
  'prefixes:strings! asn:integer password letter_of_authorization requested_routes! usecase!',
);
const PREFIX_FIELDS = parseFields('prefixes:strings!');
const ROUTES = ['none', 'full', 'default_only'];

/** Requests about BGP. Vultr's staff works on them, so each opens a ticket. */
export const bgp: Resource = {
  routes: routes({
    'POST /v2/account/bgp/setup': setUp,
    'POST /v2/account/bgp/prefixes': (call) => {
      const { prefixes } = readFields(PREFIX_FIELDS, call.body);
      if (!Array.isArray(prefixes) || prefixes.length === 0) throw badRequest('Invalid prefixes.');
      return ticketResponse(call);
    },
  }),
};

function setUp(call: Call): ApiResponse {
  const given = readFields(SETUP_FIELDS, call.body);
  const { prefixes, letter_of_authorization: letter } = given;
  if (!ROUTES.includes(String(given['requested_routes']))) {
    throw badRequest(`Invalid requested_routes. Must be one of: ${ROUTES.join(', ')}`);
  }
  if (!isBase64(String(letter))) throw badRequest('letter_of_authorization must be base64 encoded');
  if (Array.isArray(prefixes) && prefixes.length > 0 && letter === '') {
    throw badRequest('letter_of_authorization is required with prefixes.');
  }
  return ticketResponse(call);
}

const ticketResponse = ({ world }: Call): ApiResponse =>
  ok({ ticket_reference: ticketReference(world.random) });

/** The reference of a ticket: three letters and three digits, for example `ABC-123`. */
function ticketReference(random: Random): string {
  const letter = (): string => String.fromCharCode('A'.charCodeAt(0) + random.integer(0, 25));
  return `${letter()}${letter()}${letter()}-${random.integer(100, 999)}`;
}
