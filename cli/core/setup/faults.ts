/** Faults of settings, in the words of someone who runs `setup`: with the option that sets the setting, and what the option allows. */
import type { SettingsFault } from '../../../lib/settings/errors.ts';

/** The options of `setup`, by the setting that they write. `*` is the position of a pool. */
const OPTIONS: Readonly<Record<string, string>> = {
  stackName: '--stack',
  hostname: '--hostname',
  organization: '--organization',
  apiTokenSecret: '--api-token-secret',
  'pools.*.name': '--pool',
  'pools.*.agentTokenSecret': '--agent-token-secret',
  'pools.*.maxAgents': '--max-agents',
  'pools.*.cpu': '--cpu',
  'pools.*.memoryMiB': '--memory',
  'pools.*.phases': '--phases',
  'network.egress': '--network',
  'network.vpcId': '--vpc-id',
  'network.subnetIds': '--subnet-ids',
  'network.awsApiServices': '--aws-services',
  alarmEmail: '--alarm-email',
  'agentImage.registry': '--image',
  'agentImage.version': '--agent-version',
};

/** The option that sets a setting; `undefined` if there is none. @param path such as `pools.0.maxAgents` or `network.subnetIds.1` */
export function optionOf(path: string): string | undefined {
  const name = path.replace(/^pools\.\d+\./, 'pools.*.').replace(/(?<!pools)\.\d+$/, '');
  return OPTIONS[name];
}

/** The fault of a value that the user typed at a question. */
export function faultOfAnswer({ given, allowed }: SettingsFault): string {
  return `It is ${given}. Allowed: ${allowed}.`;
}

/** The fault of one setting in a sentence. @param from where the value is from, if not from the option, such as `cdk.json` */
export function faultInASentence(fault: SettingsFault, from?: string): string {
  const option = optionOf(fault.path);
  const what = from === undefined ? (option ?? fault.path) : `${fault.path} in ${from}`;
  return `${what} is ${fault.given}. Allowed: ${fault.allowed}. To do: ${remedyOf(fault)}.`;
}

/** All faults of the settings that `setup` would write, as a text of several lines. */
export function faultsInWords(faults: readonly SettingsFault[]): string {
  const count = faults.length === 1 ? 'One setting would be wrong.' : `${faults.length} settings would be wrong.`;
  const blocks = faults.map((fault) => {
    const option = optionOf(fault.path);
    return [
      `  ${option === undefined ? fault.path : `${fault.path} (${option})`}`,
      `    given:    ${fault.given}`,
      `    allowed:  ${fault.allowed}`,
      `    to do:    ${remedyOf(fault)}`,
    ].join('\n');
  });
  return [`${count} Nothing was changed.`, ...blocks].join('\n\n');
}

/** The remedy. The one of the synthesis advises `-c`, which `setup` doesn't have. */
function remedyOf({ path, remedy }: SettingsFault): string {
  if (!remedy.includes(`pass -c ${path}=`)) return remedy;
  const option = optionOf(path);
  const isMissing = remedy.startsWith('set ');
  if (option === undefined) return `${isMissing ? 'set' : 'correct'} it in the settings file`;
  return isMissing ? `pass ${option}` : `pass an allowed value with ${option}`;
}
