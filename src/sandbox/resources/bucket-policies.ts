import { badRequest } from '../engine/api-error.ts';
import { noContent, type Route, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type JsonObject } from '../engine/json.ts';

const ARCHIVAL_FIELDS = parseFields('archival:boolean!');
const LIFECYCLE_FIELDS = parseFields('archive_rules:objects!');

/** The buckets of an object storage. */
export const bucketRow = (objects: string): Collection => ({
  list: `${objects}/bucket`,
  item: `${objects}/bucket/{bucket_name}`,
  many: 'buckets',
  one: null,
  missing: 'Invalid bucket',
  idField: 'name',
  // The Go client and the documentation of 2026 use different names for the first three.
  accepts:
    'name bucket_name enable_bucket_versioning:boolean versioning:boolean enable_object_lock:boolean object_lock:boolean archival:boolean',
  create: `${objects}/bucket 202`,
  hide: 'bucket_name versioning object_lock archive_rules',
  meta: false,
  omit: 'get',
  silent: true,
  id: (_call, given) => {
    const name = String(given['name'] || given['bucket_name'] || '');
    if (name === '') throw badRequest();
    return name;
  },
  initial: (_call, given) => {
    const locked = given['enable_object_lock'] === true || given['object_lock'] === true;
    // Object lock implies versioning.
    const versioned = locked || given['enable_bucket_versioning'] === true || given['versioning'] === true;
    if (given['archival'] === true) refuseVersions(versioned);
    return {
      name: String(given['name'] || given['bucket_name']),
      enable_bucket_versioning: versioned,
      enable_object_lock: locked,
    };
  },
});

/** What happens to old objects of a bucket. */
export const bucketPolicyRoutes = (objects: string): Route[] =>
  routes({
    [`POST ${objects}/bucket/{bucket_name}/archival`]: (call) => {
      const { archival = false } = readFields(ARCHIVAL_FIELDS, call.body);
      const { fields } = target(call);
      if (archival === true) refuseVersions(fields['enable_bucket_versioning'] === true);
      fields['archival'] = archival;
      return { status: 202 };
    },
    [`POST ${objects}/bucket/{bucket_name}/lifecycle`]: (call) => {
      const { archive_rules: rules = [] } = readFields(LIFECYCLE_FIELDS, call.body);
      for (const rule of Array.isArray(rules) ? rules.filter(isObject) : []) checkRule(rule);
      target(call).fields['archive_rules'] = rules;
      return { status: 202 };
    },
    [`DELETE ${objects}/bucket/{bucket_name}/lifecycle`]: (call) => {
      delete target(call).fields['archive_rules'];
      return noContent;
    },
  });

function refuseVersions(versioned: boolean): void {
  if (versioned) throw badRequest('Archival can not be combined with versioning or object lock.');
}

function checkRule({ Status: status, Transitions: transitions }: JsonObject): void {
  if (status !== undefined && status !== 'Enabled' && status !== 'Disabled')
    throw badRequest('Invalid Status.');
  if (transitions !== undefined && !Array.isArray(transitions)) throw badRequest('Invalid Transitions.');
}
