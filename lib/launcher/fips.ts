/** Lets every function in a part of a stack use FIPS endpoints of AWS. */
import { Annotations, AspectPriority, Aspects, type IAspect, Stack, Token } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { FIPS_ENVIRONMENT, FIPS_REGIONS, hasFipsEndpoints } from '../aws/fips.ts';

/** Sets the SDK's variable in every function of these scopes. Synthesis fails in a region without the endpoints. */
export function useFipsEndpoints(...scopes: readonly IConstruct[]): void {
  for (const scope of scopes) {
    const { region } = Stack.of(scope);
    if (!Token.isUnresolved(region) && !hasFipsEndpoints(region)) {
      Annotations.of(scope).addError(
        `fips is true, but ECS has no FIPS endpoint in ${region}. Deploy to one of these regions: ${FIPS_REGIONS.join(', ')}. Or remove fips.`,
      );
    }
    Aspects.of(scope).add(new FipsAspect(), { priority: AspectPriority.MUTATING });
  }
}

class FipsAspect implements IAspect {
  visit(node: IConstruct): void {
    if (!(node instanceof lambda.Function)) return;
    for (const [name, value] of Object.entries(FIPS_ENVIRONMENT)) node.addEnvironment(name, value);
  }
}
