/**
 * Notifications of workspaces and projects.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations/workspace and …/project
 */
import * as z from 'zod';
import {
  type Answer,
  added,
  type Call,
  created,
  type Define,
  type DefineAsync,
  document,
  found,
  noContent,
} from '../api.ts';
import type { Deliveries } from '../deliveries.ts';
import { notificationResource } from '../documents/run-tasks.ts';
import { newId } from '../ids.ts';
import { failure, invalid } from '../json-api.ts';
import { TRIGGERS } from '../notifications.ts';
import { ownUrl } from '../own-url.ts';
import type { NotificationConfiguration } from '../task-records.ts';

/** "Each workspace can have up to 20 notification configurations." */
const MOST = 20;

const body = z.object({
  data: z.object({
    // The documentation's table has the singular, and its samples have both.
    type: z.enum(['notification-configuration', 'notification-configurations']),
    attributes: z.object({
      destinationType: z.string().optional(),
      enabled: z.boolean().optional(),
      name: z.string().optional(),
      token: z.string().nullish(),
      triggers: z.array(z.string()).optional(),
      url: z.string().optional(),
    }),
  }),
});

type Subscribable = NotificationConfiguration['subscribable'];

function configurationsOf({ world }: Call, { id }: Subscribable): NotificationConfiguration[] {
  return [...world.notifications.values()].filter(({ subscribable }) => subscribable.id === id);
}

function checkedTriggers(triggers: readonly string[]): readonly string[] {
  const unknown = triggers.find((trigger) => !TRIGGERS.has(trigger));
  if (unknown !== undefined) throw invalid('triggers', `${unknown} is not a valid trigger`);
  return triggers;
}

async function create(call: Call, subscribable: Subscribable, deliveries: Deliveries): Promise<Answer> {
  const {
    destinationType,
    enabled = false,
    name = '',
    token,
    triggers = [],
    url = '',
  } = call.parse(body).data.attributes;
  if (destinationType !== 'generic') throw invalid('destination-type', 'Only generic destinations exist here');
  if (name === '') throw invalid('name', "Name can't be blank");
  if (configurationsOf(call, subscribable).length >= MOST) throw invalid('base', `At most ${MOST} configurations`);
  const now = call.platform.now();
  const configuration: NotificationConfiguration = {
    id: newId('nc'),
    createdAt: now,
    updatedAt: now,
    subscribable,
    name,
    url: ownUrl('url', url),
    token: token ?? undefined,
    enabled,
    triggers: checkedTriggers(triggers),
    deliveryResponses: [],
  };
  if (enabled) await verify(configuration, deliveries);
  return created(notificationResource(added(call.world.notifications, configuration)));
}

async function update(call: Call, deliveries: Deliveries): Promise<Answer> {
  const configuration = found(call.world.notifications, call.id);
  const { enabled, name, token, triggers, url } = call.parse(body).data.attributes;
  const changed: NotificationConfiguration = {
    ...configuration,
    enabled: enabled ?? configuration.enabled,
    name: name ?? configuration.name,
    token: token === undefined ? configuration.token : (token ?? undefined),
    triggers: triggers === undefined ? configuration.triggers : checkedTriggers(triggers),
    url: url === undefined ? configuration.url : ownUrl('url', url),
    updatedAt: call.platform.now(),
  };
  if (changed.enabled) await verify(changed, deliveries);
  Object.assign(configuration, changed);
  return document(notificationResource(configuration));
}

/** "Configurations cannot be enabled if the verification request fails." */
async function verify(configuration: NotificationConfiguration, deliveries: Deliveries): Promise<void> {
  const response = await deliveries.verifyNotification(configuration);
  configuration.deliveryResponses = [response];
  if (!response.successful)
    throw failure(400, 'bad request', 'Unable to complete verification request to destination URL');
}

export function notificationRoutes(define: Define, defineAsync: DefineAsync, deliveries: Deliveries): void {
  for (const type of ['workspaces', 'projects'] as const) {
    const path = `/${type}/:id/notification-configurations`;
    const subscribable = ({ world, id }: Call): Subscribable => {
      found<{ readonly id: string }>(world[type], id);
      return { type, id };
    };
    define('GET', path, (call) => call.list(configurationsOf(call, subscribable(call)), notificationResource));
    defineAsync('POST', path, (call) => create(call, subscribable(call), deliveries));
  }
  const one = '/notification-configurations/:id';
  define('GET', one, ({ world, id }) => document(notificationResource(found(world.notifications, id))));
  defineAsync('PATCH', one, (call) => update(call, deliveries));
  define('DELETE', one, ({ world, id }) => {
    found(world.notifications, id);
    world.notifications.delete(id);
    return noContent;
  });
  defineAsync('POST', `${one}/actions/verify`, async ({ world, id }) => {
    const configuration = found(world.notifications, id);
    await verify(configuration, deliveries);
    return document(notificationResource(configuration));
  });
}
