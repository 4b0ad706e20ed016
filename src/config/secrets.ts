import type { ServeConfig } from './settings.ts';

/** The keys and passwords among the settings, in every form in which they were given. */
export function secretsOf({ apiKey, redisUrl }: Pick<ServeConfig, 'apiKey' | 'redisUrl'>): readonly string[] {
  const password = redisUrl === undefined ? '' : new URL(redisUrl).password;
  return [apiKey ?? '', password, decode(password)].filter((secret) => secret !== '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
