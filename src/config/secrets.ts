import { SETTINGS, type ServeConfig, type Setting } from './settings.ts';

/** The keys and passwords among the settings, in every form in which they were given. */
export function secretsOf({ apiKey, redisUrl }: Pick<ServeConfig, 'apiKey' | 'redisUrl'>): readonly string[] {
  const password = redisUrl === undefined ? '' : new URL(redisUrl).password;
  return [apiKey ?? '', password, decode(password)].filter((secret) => secret !== '');
}

/** Takes the secrets out of the environment once they are read, so that no child process and no report of Node has them. */
export function forgetSecrets(env: NodeJS.ProcessEnv): void {
  // A setting without a flag is a secret.
  for (const setting of Object.values<Setting<unknown>>(SETTINGS)) {
    if (setting.flag === undefined) delete env[setting.env];
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
