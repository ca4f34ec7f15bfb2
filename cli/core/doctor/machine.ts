/** Checks of this machine: Node, Docker and the settings. */
import { listed, sentence } from '../sentences.ts';
import { error, type Finding, note, ok, warning } from './findings.ts';

/** The Node versions of `engines` in package.json, as minimum versions of each major; from `anyFrom` on, every version. */
const NODE = { minimum: { 22: 19, 24: 0 } as Readonly<Record<number, number>>, anyFrom: 26 };
export const SUPPORTED_NODE = 'Node 22 from 22.19 on, Node 24, or Node 26 and newer';

export function isSupportedNode(version: string): boolean {
  const [, major, minor] = (/^v?(\d+)\.(\d+)\./.exec(version) ?? []).map(Number);
  if (major === undefined || minor === undefined) return false;
  return major >= NODE.anyFrom || minor >= (NODE.minimum[major] ?? Number.POSITIVE_INFINITY);
}

export function checkNode(version: string): Finding {
  if (isSupportedNode(version)) return ok('machine.node', `Node ${version.replace(/^v/, '')} is supported.`);
  return error('machine.node', {
    what: `Node ${version.replace(/^v/, '')} is not supported.`,
    why: 'The CDK app and this command need newer functions of Node, so the deployment may fail.',
    todo: `Install ${SUPPORTED_NODE}.`,
  });
}

/** `not-needed`: the settings use registry images only. */
export type DockerState =
  | { readonly state: 'not-needed' }
  | { readonly state: 'running' | 'not-running' | 'missing'; readonly program: string };

/** @param deployed whether the stack exists: then only the next deployment needs Docker */
export function checkDocker(docker: DockerState, deployed: boolean): Finding {
  if (docker.state === 'not-needed') {
    return ok('machine.docker', 'Docker is not needed, because the agents’ images come from a registry.');
  }
  const { program, state } = docker;
  if (state === 'running') return ok('machine.docker', `${program} is running.`);
  const level = deployed ? note : warning;
  return level('machine.docker', {
    what: state === 'missing' ? `${program} is not on your PATH.` : `${program} is installed, but it is not running.`,
    why: `"cdk deploy" builds the agent’s image with ${program}.${deployed ? ' What is deployed doesn’t need it.' : ''}`,
    todo: `Start ${program}, set CDK_DOCKER to another engine such as podman or finch, or set agentImage.registry to use a registry image.`,
  });
}

/** What is in cdk.json. */
export type SettingsState =
  | { readonly state: 'valid'; readonly file: string }
  | { readonly state: 'invalid'; readonly file: string; readonly faults: readonly SettingFault[] }
  /** There is no file, or it has no settings. */
  | { readonly state: 'none'; readonly file: string };

export interface SettingFault {
  readonly path: string;
  readonly given: string;
  readonly allowed: string;
  readonly remedy: string;
}

export function checkSettings(settings: SettingsState, deployed: boolean): Finding[] {
  const { file } = settings;
  if (settings.state === 'valid') return [ok('machine.settings', `The settings in ${file} are valid.`)];
  if (settings.state === 'none') {
    if (deployed) return [];
    return [
      error('machine.settings', {
        what: `${file} has no settings of this project, and no stack was found.`,
        why: 'Without settings, there is nothing to deploy, and doctor can check only the machine and the account.',
        todo: 'Run `agent-launcher setup` in the clone, or run doctor in the folder with your cdk.json.',
      }),
    ];
  }
  if (deployed) {
    const given = settings.faults.map((fault) => `${fault.path} (given: ${fault.given})`);
    const [first] = settings.faults;
    return [
      note('machine.settings', {
        what: `The settings in ${file} can’t be deployed: ${listed(given)}.`,
        why: 'doctor checked the deployed stack, which works without this file. The next deployment from this folder refuses the settings.',
        todo:
          given.length === 1 && first !== undefined
            ? sentence(first.remedy)
            : 'Correct them before the next deployment. Add --settings to see each remedy.',
      }),
    ];
  }
  return settings.faults.map(({ path, given, allowed, remedy }) =>
    error('machine.settings', {
      what: `The setting ${path} in ${file} is wrong. Given: ${given}.`,
      why: `The deployment refuses it. Allowed: ${allowed}.`,
      todo: sentence(remedy),
    }),
  );
}
