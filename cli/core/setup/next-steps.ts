/** What to do after `setup`, as commands for the same clone, profile and region. */
import { commandForm } from '../command-form.ts';

export interface NextPlace {
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  /** Folder of the settings file. */
  readonly folder: string;
  /** The command was started in this folder. */
  readonly isCwd: boolean;
  /** The folder has `node_modules`. */
  readonly isInstalled: boolean;
}

export interface NextPool {
  readonly hostname: string;
  readonly organization: string;
  readonly pool: string;
  /** The address whose subscription somebody must confirm. */
  readonly alarmEmail?: string | undefined;
  /** Whether setup changed something. Default: it did. */
  readonly isChanged?: boolean;
}

/** @param settings the path of the settings file as the user wrote it */
export function nextSteps(
  settings: string,
  env: Parameters<typeof commandForm>[0],
  { region, profile, folder, isCwd, isInstalled }: NextPlace,
  { hostname, organization, pool, alarmEmail, isChanged = true }: NextPool,
): readonly string[] {
  // The CDK has an option for the profile, but none for the region.
  const cdk = (command: string): string =>
    [
      ...(region === undefined ? [] : [`AWS_REGION=${region}`]),
      `npx cdk ${command}`,
      ...(profile === undefined ? [] : [`--profile ${profile}`]),
    ].join(' ');
  const common = [
    ...(region === undefined ? [] : [` --region ${region}`]),
    ...(profile === undefined ? [] : [` --profile ${profile}`]),
  ].join('');
  if (!isChanged) {
    return [
      `The settings in ${settings} are complete. If they aren't deployed yet, check them and deploy:`,
      ...(isCwd ? [] : [`  cd ${folder}`]),
      `  ${commandForm(env, `doctor --settings${common}`)}`,
      `  ${cdk('deploy')}`,
    ];
  }
  const isCdkJson = /(?:^|[/\\])cdk\.json$/.test(settings);
  return [
    `The settings are in ${settings}. Next:`,
    ...(isCdkJson ? [] : ['  # The CDK reads cdk.json only, so copy "context" there first.']),
    ...(isCwd ? [] : [`  cd ${folder}`]),
    ...(isInstalled ? [] : ['  npm ci']),
    `  ${commandForm(env, `doctor --settings${common}`)}`,
    '      # finds what is missing, such as the service-linked role of ECS',
    `  ${cdk('bootstrap')}   # once per account and region`,
    `  ${cdk('deploy')}`,
    ...(alarmEmail === undefined
      ? []
      : [`      # SNS then sends a message to ${alarmEmail}: open its link, or no alarm arrives`]),
    'Then let a workspace use the pool: Settings > General > Execution mode: Agent,',
    `agent pool ${pool}: https://${hostname}/app/${organization}/workspaces`,
  ];
}
