/** One setting: where it comes from, its default, and what it means. */
export interface Setting<T> {
  readonly env: string;
  /** The command-line flag. A secret has none: everybody on the machine can read the list of processes. */
  readonly flag?: string;
  /** The value that stands for an absent one; undefined: the setting is then undefined. */
  readonly default: string | undefined;
  readonly help: string;
  /** Reads the value. Throws an Error whose message says what the value must be. */
  readonly parse: (text: string) => T;
}

/** Settings by their names in the configuration that they make up. */
export type SettingsOf<Config> = { readonly [K in keyof Config]: Setting<Config[K]> };
