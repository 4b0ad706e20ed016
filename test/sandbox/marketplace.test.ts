import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const APPS = '/v2/marketplace/apps';

async function withApp() {
  const { sandbox, call } = await sandboxFor();
  const [app] = (await call(`GET ${APPS}`)).json.apps;
  return { sandbox, call, app, path: `${APPS}/${app.id}` };
}

/** The first 24 bytes of a PNG image of that size, in base64. */
function pngHeader(width: number, height: number): string {
  const header = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\0', 'latin1');
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  return header.toString('base64');
}

describe('the vendor side of the marketplace', () => {
  test('one build is live at a time, and a live one is not deleted', async () => {
    const { call, path } = await withApp();
    const builds = async () => (await call(`GET ${path}/builds`)).json.marketplace_app_builds;
    const [one, other] = await builds();
    const published = await call(`POST ${path}/builds/${one.id}/publish`);
    expect([published.status, published.text]).toEqual([200, '']);
    expect(await builds()).toMatchObject([{ live: true }, { live: false }]);
    expect((await call(`POST ${path}/builds/${one.id}/publish`)).status).toBe(400);
    const second = await call(`POST ${path}/builds/${other.id}/publish`);
    expect(second.json).toEqual({ error: 'Another build is live. Unpublish it first.', status: 400 });
    const deleted = await call(`DELETE ${path}/builds/${one.id}`);
    expect(deleted.json).toEqual({ error: 'A live build cannot be deleted.', status: 400 });
    expect((await call(`DELETE ${path}/builds/${other.id}`)).status).toBe(204);
    const changed = await call(`PATCH ${path}/builds/${one.id}`, { body: { version: '2', OSID: 2136 } });
    expect(changed.json.marketplace_app_build).toMatchObject({ version: '2', OSID: 2136, live: true });
    expect((await call(`PATCH ${path}/builds/${one.id}`, { body: { OSID: 1 } })).status).toBe(400);
  });

  test('gallery images are 8:5, and one is the main image', async () => {
    const { call, path } = await withApp();
    const add = (b64_image: string) => call(`POST ${path}/images`, { body: { b64_image } });
    expect((await add(pngHeader(100, 100))).status).toBe(422);
    expect((await add('%')).status).toBe(400);
    const { id } = (await add(pngHeader(1600, 1000))).json;
    const main = await call(`PATCH ${path}/images/${id}`, { body: { set_as_main: true } });
    expect(main.json).toMatchObject({ id, set_as_main: true });
    const { marketplace_app_images: images } = (await call(`GET ${path}/images`)).json;
    expect(images).toMatchObject([{ main_image: false }, { id, main_image: true }]);
  });

  test('of a variable only the label changes', async () => {
    const { call, path } = await withApp();
    const [variable] = (await call(`GET ${path}/manage-variables`)).json.app_variables;
    const body = { label: 'User', name: 'other' };
    const changed = await call(`PATCH ${path}/manage-variables/${variable.id}`, { body });
    expect(changed.json.app_variable).toEqual({ ...variable, label: 'User' });
  });

  test('the list of applications leaves out readme and icons', async () => {
    const { call, app, path } = await withApp();
    const body = { b64_image: 'aGk=', theme: 'dark_mode' };
    const { image_url: url } = (await call(`PUT ${path}/icons`, { body })).json;
    expect((await call(`PUT ${path}/icons`, { body: { ...body, theme: 'pink' } })).status).toBe(400);
    const read = (await call(`GET ${path}`)).json.app;
    expect(read).toMatchObject({ icon_dark: url, readme: expect.any(String), public: false });
    for (const name of ['readme', 'icon_dark', 'icon_light']) expect(app).not.toHaveProperty(name);
    const shown = await call(`PATCH ${path}/visibility`, { body: { public: true } });
    expect(shown.json.app.public).toBe(true);
    expect((await call(`DELETE ${path}`)).status).toBe(204);
    expect((await call(`GET ${path}/builds`)).json).toEqual({ error: 'App not found', status: 404 });
  });
});
