import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Why a finding of cdk-nag doesn't apply. */
export interface Acknowledgement {
  readonly id: string;
  readonly reason: string;
}

/**
 * Records why findings don't apply to a construct, if the app's CDK has `Validations`. An app with an older CDK has no plugin
 * that would report the findings. There, a named import of `Validations` would throw at startup.
 */
export function acknowledge(construct: IConstruct, ...findings: readonly Acknowledgement[]): void {
  const { Validations }: Partial<Pick<typeof cdk, 'Validations'>> = cdk;
  Validations?.of(construct).acknowledge(...findings);
}
