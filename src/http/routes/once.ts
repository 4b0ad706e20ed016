import type { HttpReply } from '../../rpc/call.ts';
import type { ExtraRoute } from '../options.ts';

/** Makes the reply for the first request and keeps it for all others; a failure is not kept. */
export function once(make: () => Promise<HttpReply>): ExtraRoute {
  let made: Promise<HttpReply> | undefined;
  return () => {
    if (made === undefined) {
      const making = make();
      made = making;
      making.catch(() => {
        if (made === making) made = undefined;
      });
    }
    return made;
  };
}
