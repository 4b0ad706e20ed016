/**
 * What makes a Redis forget what it was given, read off its INFO; empty when nothing does, or when nothing is known.
 * @param info what INFO returned
 */
export function memoryProblem(info: unknown): string {
  if (!Buffer.isBuffer(info) && typeof info !== 'string') return '';
  const fields = new Map(
    info
      .toString()
      .split('\r\n')
      .map((line) => {
        const [name = '', ...value] = line.split(':');
        return [name, value.join(':')] as const;
      }),
  );
  const policy = fields.get('maxmemory_policy') ?? 'noeviction';
  const problems = [
    ...(policy === 'noeviction'
      ? []
      : [`maxmemory-policy is ${policy}, so keys are evicted when memory is short`]),
    ...(fields.get('aof_enabled') === '0' ? ['appendonly is off, so a restart forgets the latest keys'] : []),
  ];
  return problems.join('; ');
}
