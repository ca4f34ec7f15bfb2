import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Why a finding of cdk-nag does not apply. */
export interface Acknowledgement {
  readonly id: string;
  readonly reason: string;
}

/**
 * Says why findings don't apply to a construct, where the app's CDK can record it. Apps on a CDK without `Validations` have
 * no plugin that would report them; a named import of it would keep such an app from starting.
 */
export function acknowledge(construct: IConstruct, ...findings: readonly Acknowledgement[]): void {
  const { Validations }: Partial<Pick<typeof cdk, 'Validations'>> = cdk;
  Validations?.of(construct).acknowledge(...findings);
}
