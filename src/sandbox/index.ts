/**
 * An embedded imitation of Vultr: an HTTP server that responds to the API v2 the way api.vultr.com does, from memory.
 */
export type { TimeSource } from './engine/clock.ts';
export { type Fault, type FaultBook, type FaultKind, parseFaults } from './engine/faults.ts';
export type { LoggedRequest, RequestFilter, RequestLog } from './engine/request-log.ts';
export type { LagOptions } from './engine/world.ts';
export { type Sandbox, type SandboxOptions, type SandboxState, startSandbox } from './sandbox.ts';
