import type { CreateInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import { Payload } from '../payload/payload.ts';
import type { Call } from '../rpc/call.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import type { CatalogueList, CatalogueReader } from './catalogue-reader.ts';
import type { AskVultr } from './upstream.ts';

/** What a dry run works with. */
export interface DryRunContext {
  readonly ask: AskVultr;
  readonly reader: CatalogueReader;
  readonly call: Call;
}

/**
 * Checks what a create would be told, without buying: region, plan, whether the plan is sold there now, the image.
 * @returns the plan and the region
 * @throws CallError INVALID_ARGUMENT with every violation
 */
export async function dryRun(context: DryRunContext, request: CreateInstanceRequest): Promise<Payload> {
  const { reader, call } = context;
  const [regions, plans, imageFault] = await Promise.all([
    reader.all(call, 'listRegions'),
    reader.all(call, 'listPlans'),
    findImageFault(context, request),
  ]);
  const region = regions.value.find(({ id }) => id === request.region);
  const plan = plans.value.find(({ id }) => id === request.plan);
  const violations: FieldViolation[] = imageFault === undefined ? [] : [imageFault];
  if (region === undefined) violations.push(unknown('region', request.region, 'ListRegions'));
  if (plan === undefined) violations.push(unknown('plan', request.plan, 'ListPlans'));
  if (region !== undefined && plan !== undefined) {
    const available = await reader.availablePlans(call, request.region);
    if (!available.value.has(request.plan)) {
      violations.push({
        field: 'plan',
        description: `${request.plan} cannot be deployed in ${request.region} now. ListPlans with this region lists the plans that can.`,
      });
    }
  }
  if (violations.length > 0 || plan === undefined || region === undefined)
    throw CallError.invalid(violations);
  return Payload.of({ dry_run: true, plan, region });
}

async function findImageFault(
  context: DryRunContext,
  { image_id, os_id, app_id, iso_id, snapshot_id }: CreateInstanceRequest,
): Promise<FieldViolation | undefined> {
  const isOsId = image_id !== undefined && /^\d+$/.test(image_id);
  const isListed = async (list: CatalogueList, test: (item: JsonObject) => boolean): Promise<boolean> =>
    (await context.reader.all(context.call, list)).value.some(test);

  if (image_id !== undefined && image_id !== '' && !isOsId) {
    const known = await isListed('listApplications', (item) => item['image_id'] === image_id);
    return known ? undefined : unknown('image_id', image_id, 'vultr.v2.ApplicationsService/ListApplications');
  }
  if (app_id !== undefined) {
    const known = await isListed('listApplications', ({ id }) => id === app_id);
    return known
      ? undefined
      : unknown('app_id', String(app_id), 'vultr.v2.ApplicationsService/ListApplications');
  }
  if (iso_id !== undefined) return await findOwnFault(context, 'getIso', 'iso_id', iso_id);
  if (snapshot_id !== undefined)
    return await findOwnFault(context, 'getSnapshot', 'snapshot_id', snapshot_id);
  const wanted = isOsId ? Number(image_id) : os_id;
  if (wanted === undefined) return undefined;
  const known = await isListed('listOs', ({ id }) => id === wanted);
  return known ? undefined : unknown(isOsId ? 'image_id' : 'os_id', String(wanted), 'ListImages');
}

/** Whether the account has a thing that the request names; its field has the same name in vultr.v2. */
async function findOwnFault(
  { ask, call }: DryRunContext,
  name: 'getIso' | 'getSnapshot',
  field: string,
  value: string,
): Promise<FieldViolation | undefined> {
  try {
    await ask(name, { [field]: value }, call);
    return undefined;
  } catch (error) {
    if (error instanceof CallError && error.code === 'NOT_FOUND') {
      return { field, description: `The account has nothing with the id ${value}.` };
    }
    throw error;
  }
}

function unknown(field: string, value: string, list: string): FieldViolation {
  return { field, description: `Vultr does not know ${value}. ${list} lists what there is.` };
}
