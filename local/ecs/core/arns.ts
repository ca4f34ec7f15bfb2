import type { Place } from '../../aws/core/place.ts';

export type { Place };

export function clusterArn(place: Place, name: string): string {
  return `arn:aws:ecs:${place.region}:${place.accountId}:cluster/${name}`;
}

export function taskArn(place: Place, clusterName: string, taskId: string): string {
  return `arn:aws:ecs:${place.region}:${place.accountId}:task/${clusterName}/${taskId}`;
}

export function containerArn(place: Place, clusterName: string, taskId: string, containerId: string): string {
  return `arn:aws:ecs:${place.region}:${place.accountId}:container/${clusterName}/${taskId}/${containerId}`;
}

export function taskDefinitionArn(place: Place, family: string, revision: number): string {
  return `arn:aws:ecs:${place.region}:${place.accountId}:task-definition/${family}:${revision}`;
}

export function secretArn(place: Place, name: string, suffix: string): string {
  return `arn:aws:secretsmanager:${place.region}:${place.accountId}:secret:${name}-${suffix}`;
}

/** Returns the part after the resource type of an ECS ARN (`…:task/<this>`), or `undefined` for other ARNs. */
export function resourceOf(arn: string, type: 'cluster' | 'task' | 'task-definition'): string | undefined {
  return new RegExp(`^arn:aws[a-z-]*:ecs:[^:]*:[^:]*:${type}/(.+)$`).exec(arn)?.[1];
}
