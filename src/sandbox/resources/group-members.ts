import { ApiError, badRequest } from '../engine/api-error.ts';
import type { Call } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';

/** The members of a group. The id of a member is that of its user. */
export const groupMember: Collection = {
  list: '/v2/groups/{group_id}/members',
  item: '/v2/groups/{group_id}/members/{user_id}',
  many: 'members',
  one: 'group_member',
  missing: 'User not found',
  // The Go client sends the user's id as user_id. In the documentation, display_name is the id or the name.
  accepts: 'user_id display_name',
  restore: 'PUT 202',
  id: (call, given) => userOf(call, given).id,
  initial: (call, given) => {
    const { id, fields } = userOf(call, given);
    return {
      user_id: id,
      name: displayName(fields),
      display_name: displayName(fields),
      email: fields['email'] ?? '',
      first_name: fields['first_name'] ?? '',
      last_name: fields['last_name'] ?? '',
      active: true,
      assignment_type: 'direct',
      assigned_date: call.world.clock.isoNow(),
      service_user: fields['service_user'] ?? false,
      date_updated: call.world.clock.isoNow(),
    };
  },
};

function userOf({ world }: Call, given: JsonObject): Entity {
  const wanted = given['user_id'] || given['display_name'];
  if (!wanted) throw badRequest();
  const user = world.store
    .list('/v2/users')
    .find(({ id, fields }) => id === wanted || displayName(fields) === wanted);
  if (user === undefined) throw new ApiError(404, 'User not found');
  return user;
}

const displayName = (fields: JsonObject): Json => fields['name'] ?? '';
