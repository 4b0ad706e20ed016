/** A caller's request id is used when it is short, and harmless in a log and a header. */
export function acceptedRequestId(id: string | undefined): string | undefined {
  return id !== undefined && /^[A-Za-z0-9._:/+=-]{1,128}$/.test(id) ? id : undefined;
}
