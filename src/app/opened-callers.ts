import type { RedisTarget } from '../base/redis.ts';
import type { Environment } from '../config/read.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Contract } from '../contract/load.ts';
import type { ExtraRequest } from '../http/options.ts';
import type { GuardRoute } from '../http/routes/service.ts';
import type { HomeFacts } from '../pages/home-page.ts';
import type { OpenAdmission } from '../pipeline/admission.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Vultr } from '../vultr/vultr.ts';
import type { ReachOptions } from './reach.ts';

/** Who may call, according to the settings. */
export interface OpenedCallers {
  readonly openAdmission: OpenAdmission;
  readonly guard: GuardRoute;
  /** Tells a caller who it is. */
  readonly recognise: (request: ExtraRequest) => Promise<HomeFacts['you']>;
  /** Reopens the audit log after it was renamed for rotation; undefined: there is no audit log. */
  readonly reopenAuditLog: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** The options of opening it. */
export interface CallersContext extends ReachOptions {
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly env: Environment;
  readonly onSecretVariable: (name: string) => void;
  readonly contract: Contract;
  /** Where replicas share the counts of creations; undefined: they do not. */
  readonly redis: RedisTarget | undefined;
  /** Asked for the prices of plans. */
  readonly vultr: Vultr;
}
