import type { JsonObject } from '../engine/json.ts';

const ONE_CLICK: Record<number, [name: string, shortName: string]> = {
  29: ['GitLab', 'gitlab'],
  35: ['Plesk (Web Pro)', 'pleskwebpro'],
  36: ['Plesk (Web Host)', 'pleskwebhost'],
  52: ['cPanel', 'cpanel'],
  55: ['WP Squared', 'wpsquared'],
  56: ['Plesk (Web Admin)', 'pleskwebadmin'],
};

/**
 * The image slugs of each vendor, 116 in all. They look like those of the marketplace, but only a few are known ones.
 */
const MARKETPLACE: Record<string, string> = {
  LiteSpeed_Technologies:
    'openlitespeed-rails openlitespeed-wordpress openlitespeed-django openlitespeed-nodejs openlitespeed-joomla cyberpanel openlitespeed-magento',
  'vultr-labs':
    'docker wordpress lamp lemp nextcloud owncloud mastodon minecraft valheim factorio terraria rust-server joomla drupal magento prestashop mediawiki phpbb discourse ghost moodle matomo grafana prometheus influxdb elasticsearch kibana redis-server mongodb-server mysql-server postgresql-server mariadb-galera cassandra couchdb rabbitmq kafka-broker jenkins gitea sonarqube nexus harbor portainer rancher k3s wireguard openvpn pihole jitsi bigbluebutton rocketchat mattermost zulip nodejs ruby-on-rails django',
  community:
    'anaconda tensorflow pytorch jupyterhub ollama stable-diffusion vllm langflow n8n node-red home-assistant webmin cloudpanel hestiacp ispconfig virtualmin froxlor coolify caprover dokku easypanel runcloud ploi serverpilot supabase appwrite pocketbase nocodb baserow directus strapi metabase superset umami plausible uptime-kuma netdata zabbix nagios checkmk observium librenms graylog loki vault-server consul-server nomad-server minio-server seaweedfs bitwarden passbolt keycloak authentik guacamole',
};

/** Marketplace ids run from 1028 to 1323 with gaps. */
const FIRST_MARKETPLACE_ID = 1028;
const LAST_MARKETPLACE_ID = 1323;

/** The 6 one-click and 116 marketplace applications, by id. */
export const applications: readonly JsonObject[] = [...oneClick(), ...marketplace()];

function oneClick(): JsonObject[] {
  return Object.entries(ONE_CLICK).map(([id, [name, shortName]]) => ({
    id: Number(id),
    name,
    short_name: shortName,
    deploy_name: id === '29' ? 'GitLab App' : name,
    type: 'one-click',
    vendor: 'vultr',
    image_id: '',
  }));
}

function marketplace(): JsonObject[] {
  const slugs = Object.entries(MARKETPLACE).flatMap(([vendor, list]) =>
    list.split(' ').map((slug): [string, string] => [vendor, slug]),
  );
  const step = (LAST_MARKETPLACE_ID - FIRST_MARKETPLACE_ID) / (slugs.length - 1);
  return slugs.map(([vendor, slug], at) => {
    const name = slug.replaceAll('-', ' ').replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
    return {
      id: FIRST_MARKETPLACE_ID + Math.round(at * step),
      name,
      short_name: slug.replaceAll('-', ''),
      deploy_name: `${name} on Ubuntu 24.04 x64`,
      type: 'marketplace',
      vendor,
      image_id: slug,
    };
  });
}

/** The one-click application of that id, or undefined. */
export function findApplication(id: unknown): JsonObject | undefined {
  return applications.find(
    (application) => application['id'] === Number(id) && application['type'] === 'one-click',
  );
}

/** The variables of every marketplace application. */
export const applicationVariables: JsonObject[] = [
  { name: 'admin_email', description: 'E-mail address of the administrator.', required: false },
];

/** The marketplace application of that image slug, or undefined. */
export function findImage(imageId: unknown): JsonObject | undefined {
  return applications.find((application) => imageId !== '' && application['image_id'] === imageId);
}
