/** The first segments of Vultr's own paths: the API, and the SCIM service of its organizations. */
const ROOTS: readonly string[] = ['v2', 'scim'];

/** Whether a path is one of Vultr's own, which is what the service forwards and, over HTTP, passes through as it is. */
export function isVultrPath(path: string): boolean {
  const [, root = ''] = path.split('/', 2);
  return ROOTS.includes(root) && path.length > root.length + 1;
}
