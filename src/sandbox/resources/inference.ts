import type { Resource } from '../engine/api.ts';
import { ok, routes } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';

const inference: Collection = {
  list: '/v2/inference',
  item: '/v2/inference/{inference_id}',
  many: 'subscriptions',
  one: 'subscription',
  missing: 'invalid inference ID',
  accepts: 'label!',
  update: 'PATCH 202',
  meta: false,
  initial: ({ world }) => ({ api_key: world.random.hex(36).toUpperCase() }),
};

/** The usage of a new inference subscription. Older clients read `chat`. */
const INFERENCE_USAGE: JsonObject = {
  chat_by_model: {
    current_month: [
      { model: 'deepseek-r1-distill-llama-70b', tokens: 0, input_tokens: 0, output_price: 0, input_price: 0 },
    ],
    previous_month: [],
  },
  chat: {
    completion_tokens: 0,
    cost: 0,
    input_tokens: 0,
    input_cost: 0,
    current_tokens: 0,
    monthly_allotment: 50_000_000,
    overage: 0,
  },
  audio: { tts_characters: 0, tts_sm_characters: 0 },
  image: { megapixels: 0, sm_megapixels: 0 },
};

/** Serverless inference. */
export const inferences: Resource = {
  collections: [inference],
  routes: routes({ 'GET /v2/inference/{inference_id}/usage': () => ok({ usage: INFERENCE_USAGE }) }),
};
