/** IAM's phrases for the type of policy that denied a call: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
const byPolicy = (kind: string): RegExp => new RegExp(`explicit deny in an? ${kind}|because no ${kind} allows`, 'i');

/** The policies that deny a call, and that a deployment of the stack can't change. Their messages are the same in every service of AWS. */
export const DENIALS = [
  {
    words: byPolicy('(service|resource) control policy'),
    cause: 'access' as const,
    remedy:
      'a policy of the organization (SCP or RCP) denies the action in the message to the function’s role. Deploying again doesn’t help. Ask the organization’s administrator to allow the action',
  },
  {
    words: byPolicy('permissions boundary'),
    cause: 'access' as const,
    remedy:
      'the permissions boundary of the function’s role denies the action in the message. Deploying again doesn’t help. Add the action to the boundary',
  },
  {
    words: byPolicy('VPC endpoint policy'),
    cause: 'access' as const,
    remedy:
      'a VPC endpoint policy denies the action in the message. Deploying again doesn’t help. Allow the action in that policy',
  },
];
