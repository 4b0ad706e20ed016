import type { Call } from '../engine/call.ts';
import { textsOf } from '../engine/checks.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { attachNetwork, type NetworkKind, networkKinds, networksOf } from './network-attach.ts';

/**
 * Attaches a machine to the networks that the body of a create or an update names, and to that of its region where the body only
 * asks for one. Throws an ApiError for a network that cannot be attached.
 */
export function attachWanted(call: Call, machine: Entity, given: JsonObject): void {
  for (const kind of networkKinds) {
    for (const id of textsOf(given[kind.attachField])) attachNetwork(call, machine, kind, id);
    if (given[kind.enableField] === true && networksOf(machine, kind).length === 0)
      attachNetwork(call, machine, kind, networkOfRegion(call, kind, machine.fields['region'] ?? '').id);
  }
}

/** The first network of a region, which is made when there is none. */
function networkOfRegion(call: Call, kind: NetworkKind, region: Json): Entity {
  const { store, random, clock } = call.world;
  const first = store.all(kind.collection).find(({ fields }) => fields['region'] === region);
  if (first !== undefined) return first;
  const address = `10.${random.integer(1, 250)}.96.0`;
  const id = random.uuid();
  return store.add(kind.collection, id, {
    id,
    date_created: clock.isoNow(),
    region,
    description: '',
    ...(kind.collection === '/v2/vpc2'
      ? { ip_block: address, prefix_length: 24 }
      : { v4_subnet: address, v4_subnet_mask: 20 }),
  });
}
