import type { Place } from '../core/place.ts';
import type { QueryService } from '../query-protocol.ts';

/** AWS STS: who signed the request. */
export function sts({ accountId }: Place): QueryService {
  return {
    protocol: 'query',
    version: '2011-06-15',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    actions: {
      GetCallerIdentity: () => ({
        Arn: `arn:aws:iam::${accountId}:user/local`,
        UserId: 'AIDALOCALLOCALLOCAL12',
        Account: accountId,
      }),
    },
  };
}
