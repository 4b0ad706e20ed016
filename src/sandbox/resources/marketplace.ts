import { operatingSystems } from '../catalogue/operating-systems.ts';
import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, owner, routes, target } from '../engine/call.ts';
import { isBase64 } from '../engine/checks.ts';
import { type Collection, oneResponse } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { pngSize } from './image-size.ts';
import { seedMarketplace } from './marketplace-examples.ts';

const APP = '/v2/marketplace/apps/{app_id}';
const BUILD = `${APP}/builds/{build_id}`;
const IMAGE_HOST = 'https://marketplace.example.com';
const THEMES: Record<string, string> = { light_mode: 'icon_light', dark_mode: 'icon_dark' };
const CATEGORIES = [
  'Control Panels',
  'Databases',
  'Development',
  'Media',
  'Monitoring',
  'Security',
  'Websites',
];
/** How much the proportions of a gallery image may differ from 8:5. */
const GALLERY_RATIO = 8 / 5;
const RATIO_TOLERANCE = 0.02;

const app: Collection = {
  list: '/v2/marketplace/apps',
  item: APP,
  many: 'apps',
  one: 'app',
  missing: 'App not found',
  remove: true,
  meta: false,
  listHides: 'readme icon_light icon_dark',
};

const build: Collection = {
  list: `${APP}/builds`,
  item: BUILD,
  many: 'marketplace_app_builds',
  one: 'marketplace_app_build',
  missing: 'Build not found',
  update: 'PATCH 200',
  changes: 'version installation_script OSID:integer',
  omit: 'get',
  remove: true,
  meta: false,
  changing: (_call, _entity, { OSID: osId }) => {
    if (osId !== undefined && !operatingSystems.some(({ id }) => id === osId))
      throw badRequest('Invalid OSID.');
  },
  removing: (_call, { fields }) => {
    if (fields['live'] === true) throw badRequest('A live build cannot be deleted.');
  },
};

const galleryImage: Collection = {
  list: `${APP}/images`,
  item: `${APP}/images/{gallery_image_id}`,
  many: 'marketplace_app_images',
  one: null,
  missing: 'Gallery image not found',
  dated: null,
  accepts: 'b64_image!',
  hide: 'b64_image',
  omit: 'get',
  meta: false,
  id: ({ world }) => world.nextNumber(),
  initial: (call, given) => {
    const size = pngSize(imageIn(given, 'b64_image'));
    if (size !== undefined && Math.abs(size.width / size.height - GALLERY_RATIO) > RATIO_TOLERANCE)
      throw new ApiError(422, 'The image must have a ratio of 8:5.');
    return { url: imageUrl(call, 'gallery'), main_image: false };
  },
};

const variable: Collection = {
  list: `${APP}/manage-variables`,
  item: `${APP}/manage-variables/{variable_id}`,
  many: 'app_variables',
  one: 'app_variable',
  missing: 'Variable not found',
  update: 'PATCH 200',
  // Only the label can be changed.
  changes: 'label',
  omit: 'get',
  remove: true,
  meta: false,
};

/** The vendor's side of the marketplace. No known operation creates an application, so there is an example. */
export const marketplace: Resource = {
  collections: [app, build, galleryImage, variable],
  routes: routes({
    'GET /v2/marketplace/vendor': () => ok(VENDOR),
    'GET /v2/marketplace/apps/categories': () => ok({ app_categories: CATEGORIES }),
    'GET /v2/marketplace/apps/os': ({ query }) => ok(listBody('os', operatingSystems, query)),
    'POST /v2/marketplace/apps/readme/images': (call) => {
      imageIn(readFields(parseFields('image_b64!'), call.body), 'image_b64');
      return { status: 201, body: { image_url: imageUrl(call, 'readme') } };
    },
    [`PATCH ${APP}/visibility`]: (call) => {
      const { public: isPublic = false } = readFields(parseFields('public:boolean!'), call.body);
      target(call).fields['public'] = isPublic;
      return oneResponse(app, call, target(call), 200);
    },
    [`PUT ${APP}/icons`]: setIcon,
    [`POST ${BUILD}/publish`]: publish,
    [`PATCH ${galleryImage.item}`]: setMainImage,
  }),
  seed: seedMarketplace,
};

const VENDOR: JsonObject = {
  vendor_name: 'Sandbox Vendor',
  x_handle: '@example',
  website_url: 'https://vendor.example.com',
  git_url: 'https://git.example.com/vendor',
  slack_url: '',
};

function setIcon(call: Call): ApiResponse {
  const given = readFields(parseFields('b64_image! theme!'), call.body);
  imageIn(given, 'b64_image');
  const field = THEMES[String(given['theme'])];
  if (field === undefined) throw badRequest('Invalid theme. Must be light_mode or dark_mode.');
  const url = imageUrl(call, 'icons');
  target(call).fields[field] = url;
  return ok({ image_url: url });
}

/** Refuses to publish a second build: only one build of an application can be live. */
function publish(call: Call): ApiResponse {
  const { id, fields } = target(call);
  const builds = call.world.store.all(`/v2/marketplace/apps/${owner(call).id}/builds`);
  const live = builds.find((each) => each.fields['live'] === true);
  if (live?.id === id) throw badRequest('This build is live already.');
  if (live !== undefined) throw badRequest('Another build is live. Unpublish it first.');
  fields['live'] = true;
  return { status: 200 };
}

function setMainImage(call: Call): ApiResponse {
  const { set_as_main: isMain = false } = readFields(parseFields('set_as_main:boolean!'), call.body);
  const { id, fields } = target(call);
  const appId = owner(call).id;
  if (isMain === true) {
    for (const each of call.world.store.all(`/v2/marketplace/apps/${appId}/images`))
      each.fields['main_image'] = false;
  }
  fields['main_image'] = isMain;
  return ok({ id: Number(id), app_id: Number(appId), set_as_main: isMain });
}

/** The bytes of an image in a body. */
function imageIn(given: JsonObject, name: string): Uint8Array {
  const text = String(given[name]);
  if (!isBase64(text)) throw badRequest(`Invalid ${name}.`);
  return Buffer.from(text, 'base64');
}

const imageUrl = ({ world }: Call, kind: string): string =>
  `${IMAGE_HOST}/${kind}/${world.random.hex(16)}.png`;
