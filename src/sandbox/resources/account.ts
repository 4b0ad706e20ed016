import { applicationVariables, findImage } from '../catalogue/applications.ts';
import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, ok, param, routes } from '../engine/call.ts';
import { iso, spaced } from '../engine/clock.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { ACCOUNT_EMAIL, type World } from '../engine/world.ts';
import { pendingChargesCsv } from './pending-charges-csv.ts';

const DAY_MS = 24 * 3600 * 1000;
const MONTHLY_BILL = 25.5;
const MONTHS_BILLED = 3;

/** The rights that a user can have, in Vultr's names. */
export const ACLS =
  'manage_users subscriptions_view subscriptions billing support provisioning dns abuse upgrade firewall alerts objstore loadbalancer'.split(
    ' ',
  );

/** API keys. The key itself is shown only in the response to its creation. */
export const apiKeyRow: Collection = {
  list: '/v2/apikeys',
  item: '/v2/apikeys/{apikey_id}',
  many: 'api_keys',
  one: 'api_key',
  missing: 'Invalid API key ID',
  accepts: 'name expire:boolean date_expire',
  create: '/v2/apikeys 202',
  meta: false,
  hide: 'key expire',
  showOnce: 'key',
  initial: ({ world }, given) => {
    if (given['expire'] === true && Number.isNaN(Date.parse(String(given['date_expire'])))) {
      throw badRequest('Invalid date_expire.');
    }
    return { key: world.random.hex(36).toUpperCase(), date_expire: given['date_expire'] || 'N/A' };
  },
};

const subaccount: Collection = {
  list: '/v2/subaccounts',
  item: '/v2/subaccounts/{subaccount_id}',
  many: 'subaccounts',
  one: 'subaccount',
  missing: 'Invalid subaccount ID',
  dated: null,
  accepts: 'email! subaccount_name subaccount_id',
  omit: 'get',
  remove: false,
  initial: () => ({ activated: false, balance: 0, pending_charges: 0 }),
};

/** The account with its bills, keys and logs, and other resources that stand alone. */
export const account: Resource = {
  collections: [apiKeyRow, subaccount],
  routes: routes({
    'GET /v2/account': ({ world }) => ok({ account: accountOf(world) }),
    'GET /v2/account/bgp': () => ok({ enabled: false, asn: 0, password: '' }),
    'GET /v2/account/custom-subscriptions': ({ world, query }) =>
      ok(listBody('custom_subscriptions', customSubscriptions(world), query)),
    'GET /v2/account/bandwidth': ({ world }) => ok({ bandwidth: bandwidthOf(world) }),
    'GET /v2/billing/history': ({ world, query }) => ok(listBody('billing_history', history(world), query)),
    'GET /v2/billing/invoices': ({ world, query }) =>
      ok(listBody('billing_invoices', invoices(world), query)),
    'GET /v2/billing/invoices/{invoice_id}': (call) => ok({ billing_invoice: invoice(call) }),
    'GET /v2/billing/invoices/{invoice_id}/items': (call) => {
      const { date = '', amount = 0 } = invoice(call);
      const item = {
        description: 'Cloud Compute',
        product: 'Example Instance',
        start_date: date,
        end_date: date,
      };
      return ok(
        listBody(
          'invoice_items',
          [{ ...item, units: 720, unit_type: 'hours', unit_price: 0.015, total: amount }],
          call.query,
        ),
      );
    },
    'GET /v2/billing/pending-charges': ({ world, query }) =>
      ok(listBody('pending_charges', pendingCharges(world), query, 'description')),
    'GET /v2/billing/pending-charges/csv': ({ world }) => pendingChargesCsv(pendingCharges(world)),
    'GET /v2/logs': (call) => ok(logs(call)),
    'GET /v2/marketplace/apps/{image_id}/variables': (call) => {
      if (findImage(param(call, 'image_id')) === undefined) throw new ApiError(404, 'Invalid image ID');
      return ok({ variables: applicationVariables });
    },
  }),
};

function accountOf(world: World): JsonObject {
  return {
    name: 'Sandbox Account',
    email: ACCOUNT_EMAIL,
    acls: [...ACLS],
    // Negative, because it is a credit.
    balance: -100.55,
    pending_charges: Math.round(0.55 * (1 + world.instancesCreated) * 100) / 100,
    last_payment_date: iso(world.clock.nowMs() - 20 * DAY_MS),
    last_payment_amount: -50,
  };
}

/** Subscriptions that were agreed outside of the price list. */
const customSubscriptions = ({ clock }: World): JsonObject[] => [
  {
    id: 'e2a7c1d4-5b6f-4e80-9c3d-7f1a0b2c4d5e',
    label: 'Example Subscription',
    description: 'Reserved rack space',
    type: 'custom',
    region: 'ewr',
    status: 'active',
    date_created: iso(clock.nowMs() - 90 * DAY_MS),
    cost: 250,
    pending_charges: 12.5,
  },
];

function bandwidthOf({ clock }: World): JsonObject {
  // Unix seconds, but as strings.
  const seconds = (ms: number): string => String(Math.floor(ms / 1000));
  const month = (startMs: number, endMs: number): JsonObject => ({
    timestamp_start: seconds(startMs),
    timestamp_end: seconds(endMs),
    gb_in: 1,
    gb_out: 3,
    total_instance_hours: 1440,
    total_instance_count: 2,
    instance_bandwidth_credits: 3000,
    free_bandwidth_credits: 2048,
    purchased_bandwidth_credits: 0,
    overage: 0,
    overage_unit_cost: 0.01,
    overage_cost: 0,
  });
  const nowMs = clock.nowMs();
  return {
    previous_month: month(nowMs - 60 * DAY_MS, nowMs - 30 * DAY_MS),
    current_month_to_date: month(nowMs - 30 * DAY_MS, nowMs),
    current_month_projected: month(nowMs - 30 * DAY_MS, nowMs),
  };
}

function invoices({ clock }: World): JsonObject[] {
  return Array.from({ length: MONTHS_BILLED }, (_, age) => ({
    id: 123_456 - age,
    date: spaced(clock.nowMs() - age * 30 * DAY_MS),
    description: `Invoice #${123_456 - age}`,
    amount: MONTHLY_BILL,
    balance: MONTHLY_BILL * (MONTHS_BILLED - age),
  }));
}

function invoice(call: Call): JsonObject {
  const found = invoices(call.world).find(({ id }) => String(id) === param(call, 'invoice_id'));
  if (found === undefined) throw new ApiError(404, 'Invalid invoice ID');
  return found;
}

const history = (world: World): JsonObject[] => invoices(world).map((each) => ({ ...each, type: 'invoice' }));

function pendingCharges({ store }: World): JsonObject[] {
  return store.all('/v2/instances').map(({ fields }) => ({
    description: `Cloud Compute ${String(fields['label'])}`,
    start_date: String(fields['date_created']),
    end_date: '',
    units: 1,
    unit_type: 'hours',
    unit_price: 0.01,
    total: 0.01,
    product: 'Cloud Compute',
  }));
}

/** The log pages by time, not by cursor. */
function logs({ query, world }: Call): JsonObject {
  const from = query.get('start_time');
  const to = query.get('end_time');
  if (!from && !to) throw badRequest('start_time or end_time is required.');
  const entry = {
    resource_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60',
    resource_type: 'instances',
    log_level: 'info',
    message: 'Server started',
    timestamp: `${new Date(world.clock.nowMs()).toISOString().slice(0, 19)}Z`,
    metadata: {
      user_id: 'sandbox',
      username: ACCOUNT_EMAIL,
      ip_address: '192.0.2.1',
      http_status_code: 204,
      method: 'POST',
      request_path: '/v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60/start',
      request_body: '',
      query_parameters: '',
    },
  };
  const fits = (['resource_id', 'resource_type', 'log_level'] as const).every(
    (name) => !query.get(name) || query.get(name) === entry[name],
  );
  const shown = fits ? [entry] : [];
  const count = shown.length;
  return {
    logs: shown,
    meta: {
      continue_time: '',
      returned_count: count,
      unreturned_count: 0,
      total_count: count,
      next_page_url: '',
    },
  };
}
