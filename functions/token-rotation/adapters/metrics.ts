import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { ROTATION_METRICS, ROTATION_POOL_DIMENSION } from '../contract.ts';
import type { ReportAge } from '../ports.ts';

/** The part of Powertools' metrics that the report uses. */
export interface MetricsSink {
  addMetric(name: string, unit: (typeof MetricUnit)['NoUnit'], value: number): unknown;
  addDimension(name: string, value: string): unknown;
  publishStoredMetrics(): unknown;
}

/** Writes the age of tokens in CloudWatch's embedded metric format. */
export function ageMetrics(sink: MetricsSink): ReportAge {
  return (pool, days) => {
    sink.addDimension(ROTATION_POOL_DIMENSION, pool);
    sink.addMetric(ROTATION_METRICS.agentTokenAge, MetricUnit.NoUnit, days);
    sink.publishStoredMetrics();
  };
}
