import { isIPv6 } from 'node:net';
import { ApiError } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, ok, type Route, routes, target } from '../engine/call.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { defaultReverse } from './instance-create.ts';

/** The reverse names of a load balancer: one for its IPv4 address, and any number for IPv6 addresses. */
export const reverseDnsRoutes = (balancer: string): Route[] =>
  routes({
    [`GET ${balancer}/reverse-dns`]: (call) => {
      const { fields } = target(call);
      const address = String(fields['ipv4']);
      const name = fields['reverse_v4'] ?? (address === '' ? '' : defaultReverse(address));
      return ok({ ipv4: name, ipv6: entriesOf(fields) });
    },
    [`PUT ${balancer}/reverse-dns`]: (call) => {
      target(call).fields['reverse_v4'] = nameOf(call.body['v4']);
      return noContent;
    },
    [`POST ${balancer}/reverse-dns`]: setIpv6,
    // The documented path does not name an entry, so all of them are deleted.
    [`DELETE ${balancer}/reverse-dns`]: (call) => {
      target(call).fields['reverse_v6'] = [];
      return noContent;
    },
  });

const entriesOf = ({ reverse_v6: entries }: JsonObject): JsonObject[] =>
  Array.isArray(entries) ? entries.filter(isObject) : [];

/** Adds reverse names. An address that already has one gets the new one. */
function setIpv6(call: Call): ApiResponse {
  const { fields } = target(call);
  const given = call.body['v6'];
  if (!Array.isArray(given) || given.length === 0) throw invalid('v6');
  const added = given.map((each) => {
    const { ip, domain } = isObject(each) ? each : {};
    if (typeof ip !== 'string' || !isIPv6(ip)) throw invalid('ip');
    return { ip, domain: nameOf(domain) };
  });
  const replaced = new Set<Json | undefined>(added.map(({ ip }) => ip));
  fields['reverse_v6'] = [...entriesOf(fields).filter(({ ip }) => !replaced.has(ip)), ...added];
  return noContent;
}

function nameOf(value: Json | undefined): string {
  if (typeof value === 'string' && /^[\w-]+(?:\.[\w-]+)+\.?$/.test(value)) return value;
  throw invalid('domain');
}

const invalid = (member: string): ApiError => new ApiError(422, `Invalid ${member}.`);
