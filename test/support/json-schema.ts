/** A JSON schema as the OpenAPI document has it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What is wrong with a value by a schema, as lines; nothing when it is valid. It knows the words that the OpenAPI document
 * uses, and fails on any other, so that no word can be overlooked.
 * @param resolve finds what a `$ref` names
 */
export function schemaFaults(
  value: unknown,
  schema: JsonSchema,
  resolve: (reference: string) => JsonSchema,
  at = '$',
): readonly string[] {
  return Object.entries(schema).flatMap(([word, wanted]) => {
    const check = CHECKS[word];
    if (check === undefined) throw new Error(`The schema at ${at} has the unknown word ${word}.`);
    return check({ value, wanted, schema, resolve, at });
  });
}

interface Check {
  readonly value: unknown;
  readonly wanted: unknown;
  readonly schema: JsonSchema;
  readonly resolve: (reference: string) => JsonSchema;
  readonly at: string;
}

const nothing = (): readonly string[] => [];

const CHECKS: Readonly<Record<string, (check: Check) => readonly string[]>> = {
  $ref: ({ value, wanted, resolve, at }) => schemaFaults(value, resolve(String(wanted)), resolve, at),
  type: ({ value, wanted, at }) =>
    isType(value, wanted) ? [] : [`${at} is no ${wanted}: ${JSON.stringify(value)}`],
  const: ({ value, wanted, at }) => (value === wanted ? [] : [`${at} is not ${wanted}`]),
  enum: ({ value, wanted, at }) =>
    (wanted as unknown[]).includes(value) ? [] : [`${at} is none of ${wanted}: ${value}`],
  minLength: ({ value, wanted, at }) =>
    typeof value === 'string' && value.length < Number(wanted) ? [`${at} is too short`] : [],
  required: ({ value, wanted, at }) =>
    isObject(value)
      ? (wanted as string[])
          .filter((name) => !Object.hasOwn(value, name))
          .map((name) => `${at} lacks ${name}`)
      : [],
  properties: ({ value, wanted, resolve, at }) =>
    isObject(value)
      ? Object.entries(wanted as Record<string, JsonSchema>).flatMap(([name, schema]) =>
          Object.hasOwn(value, name) ? schemaFaults(value[name], schema, resolve, `${at}.${name}`) : [],
        )
      : [],
  additionalProperties: ({ value, wanted, schema, resolve, at }) => {
    if (!isObject(value) || wanted === true) return [];
    const known = Object.keys((schema['properties'] as object | undefined) ?? {});
    return Object.entries(value)
      .filter(([name]) => !known.includes(name))
      .flatMap(([name, each]) => schemaFaults(each, wanted as JsonSchema, resolve, `${at}.${name}`));
  },
  items: ({ value, wanted, resolve, at }) =>
    Array.isArray(value)
      ? value.flatMap((each, index) => schemaFaults(each, wanted as JsonSchema, resolve, `${at}[${index}]`))
      : [],
  anyOf: ({ value, wanted, resolve, at }) =>
    (wanted as JsonSchema[]).some((schema) => schemaFaults(value, schema, resolve, at).length === 0)
      ? []
      : [`${at} is of no form that is allowed: ${JSON.stringify(value)}`],
  description: nothing,
  title: nothing,
  deprecated: nothing,
  examples: nothing,
  format: nothing,
  contentEncoding: nothing,
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isType(value: unknown, type: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
