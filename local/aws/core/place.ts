/** Region and account, which are part of every ARN. */
export interface Place {
  readonly region: string;
  /** Twelve digits. */
  readonly accountId: string;
}

/** The ARN of a resource: `arn:aws:lambda:eu-central-1:000000000000:function:x`. @param resource the part after the account */
export function arnOf(service: string, { region, accountId }: Place, resource: string): string {
  return `arn:aws:${service}:${region}:${accountId}:${resource}`;
}
