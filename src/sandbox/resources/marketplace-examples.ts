import type { World } from '../engine/world.ts';

const APP_ID = 501;

/** Adds an application with two builds that are not live, an image and two variables to a new world. */
export function seedMarketplace({ store, clock }: World): void {
  const now = clock.isoNow();
  const path = `/v2/marketplace/apps/${APP_ID}`;
  store.add('/v2/marketplace/apps', String(APP_ID), {
    id: APP_ID,
    name: 'Example App',
    name_id_format: 'example-app',
    description: 'Shows what an application of a vendor looks like.',
    readme: '# Example App',
    instructions: 'Open the address of the instance in a browser.',
    categories: ['Development'],
    os: 'Ubuntu 24.04 LTS x64',
    min_cpu_core: 1,
    min_mem_mb: 1024,
    public: false,
    public_url_slug: 'example-app',
    website_url: 'https://vendor.example.com/app',
    repo_url: 'https://git.example.com/vendor/app',
    support_email: 'support@example.com',
    support_url: 'https://vendor.example.com/support',
    icon_light: '',
    icon_dark: '',
    date_created: now,
  });
  for (const [id, version] of [
    [701, '1.0.0'],
    [702, '1.1.0'],
  ] as const) {
    store.add(`${path}/builds`, String(id), {
      id,
      version,
      live: false,
      date_created: now,
      use_vendor_data: false,
      installation_script: '',
      OSID: 2284,
      snapshot_id: '',
      snapshot_description: '',
    });
  }
  const url = 'https://marketplace.example.com/gallery/example.png';
  store.add(`${path}/images`, '801', { id: 801, url, main_image: true });
  for (const [id, name, type] of [
    [901, 'admin_user', 'text'],
    [902, 'admin_password', 'password'],
  ] as const) {
    store.add(`${path}/manage-variables`, String(id), {
      id,
      app_id: APP_ID,
      name,
      label: name.replace('_', ' '),
      type,
      input_type: type,
      input_required: true,
      password_length: type === 'password' ? 16 : 0,
    });
  }
}
