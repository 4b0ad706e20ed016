import type { Call } from '../rpc/call.ts';
import type { CreateInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import { Payload } from '../payload/payload.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import { askForPayload } from '../vultr/ask.ts';
import { vultrPath } from '../vultr/path.ts';
import type { Send } from '../vultr/request.ts';
import type { CatalogueReader } from './catalogue-reader.ts';

/**
 * Checks what a create would be told, without buying: region, plan, whether the plan is sold there now, the image.
 * @returns the plan and the region
 * @throws CallError INVALID_ARGUMENT with every violation
 */
export async function dryRun(
  send: Send,
  reader: CatalogueReader,
  call: Call,
  request: CreateInstanceRequest,
): Promise<Payload> {
  const [regions, plans, imageFault] = await Promise.all([
    reader.all(call, vultrPath('regions'), 'regions'),
    reader.all(call, vultrPath('plans'), 'plans'),
    findImageFault(send, reader, call, request),
  ]);
  const region = regions.find(({ id }) => id === request.region);
  const plan = plans.find(({ id }) => id === request.plan);
  const violations: FieldViolation[] = imageFault === undefined ? [] : [imageFault];
  if (region === undefined) violations.push(unknown('region', request.region, 'ListRegions'));
  if (plan === undefined) violations.push(unknown('plan', request.plan, 'ListPlans'));
  if (region !== undefined && plan !== undefined) {
    const available = await reader.availablePlans(call, request.region);
    if (!available.has(request.plan)) {
      violations.push({
        field: 'plan',
        description: `${request.plan} cannot be deployed in ${request.region} now. ListPlans with a region lists what can.`,
      });
    }
  }
  if (violations.length > 0 || plan === undefined || region === undefined)
    throw CallError.invalid(violations);
  return Payload.of({ dry_run: true, plan, region });
}

async function findImageFault(
  send: Send,
  reader: CatalogueReader,
  call: Call,
  request: CreateInstanceRequest,
): Promise<FieldViolation | undefined> {
  const { image_id, os_id, app_id, iso_id, snapshot_id } = request;
  const isOsId = image_id !== undefined && /^\d+$/.test(image_id);
  const isListed = async (path: string, key: string, test: (item: JsonObject) => boolean): Promise<boolean> =>
    (await reader.all(call, vultrPath(path), key)).some(test);

  if (image_id !== undefined && image_id !== '' && !isOsId) {
    const known = await isListed('applications', 'applications', (item) => item['image_id'] === image_id);
    return known ? undefined : unknown('image_id', image_id, 'vultr.v2.ApplicationsService/ListApplications');
  }
  if (app_id !== undefined) {
    const known = await isListed('applications', 'applications', ({ id }) => id === app_id);
    return known
      ? undefined
      : unknown('app_id', String(app_id), 'vultr.v2.ApplicationsService/ListApplications');
  }
  if (iso_id !== undefined) return findOwnFault(send, call, 'iso', 'iso_id', iso_id);
  if (snapshot_id !== undefined) return findOwnFault(send, call, 'snapshots', 'snapshot_id', snapshot_id);
  const wanted = isOsId ? Number(image_id) : os_id;
  if (wanted === undefined) return undefined;
  const known = await isListed('os', 'os', ({ id }) => id === wanted);
  return known ? undefined : unknown(isOsId ? 'image_id' : 'os_id', String(wanted), 'ListImages');
}

/** Whether a thing of the account is there. */
async function findOwnFault(
  send: Send,
  call: Call,
  collection: string,
  field: string,
  value: string,
): Promise<FieldViolation | undefined> {
  try {
    await askForPayload(send, call, {
      method: 'GET',
      path: vultrPath(collection, { field, value }),
      kind: 'read',
    });
    return undefined;
  } catch (error) {
    if (error instanceof CallError && error.code === 'NOT_FOUND') {
      return { field, description: `The account has none with the id ${value}.` };
    }
    throw error;
  }
}

function unknown(field: string, value: string, list: string): FieldViolation {
  return { field, description: `${value} is not known to Vultr. ${list} lists what is.` };
}
