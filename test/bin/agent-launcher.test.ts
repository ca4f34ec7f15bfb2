/** The app as the CDK CLI runs it: as a process, with the context in its environment. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LEAST } from '../lib/synthesis.ts';
import { newFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = newFolder('app');

const cdkJson = z
  .looseObject({ app: z.string(), context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')));

/** Runs the app without CloudFormation's rules, which take seconds to load. `npm run synth` and `npm run lab:synth` apply them. */
function synthesize(name: string, context: object, environment: Record<string, string> = {}) {
  const outdir = join(folder, name);
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'agent-launcher.ts')], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({ 'aws:cdk:bundling-stacks': [], ...context }),
      CDK_VALIDATION: 'false',
      // Any program serves as the container engine. The app only warns about a missing one.
      CDK_DOCKER: process.execPath,
      ...environment,
    },
  });
  return { status, stderr, outdir };
}

describe('the app', () => {
  it('synthesizes the committed cdk.json after the organization is set', () => {
    const settings = { organization: 'acme', alarmEmail: 'platform@example.com' };
    const { status, stderr, outdir } = synthesize('good', { ...cdkJson.context, ...settings });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(readdirSync(outdir)).toContain('AgentLauncher.template.json');
  });

  it('warns if nobody is notified of the alarms', () => {
    const { status, stderr } = synthesize('unnotified', { ...cdkJson.context, organization: 'acme' });
    expect(stderr).toMatch(/^WARNING Nobody is notified of the alarms/);
    expect(stderr.match(/WARNING/g)).toHaveLength(1);
    expect(status).toBe(0);
  });

  it.each([
    ['us-gov-west-1', 'console.amazonaws-us-gov.com', false],
    ['eu-central-1', 'console.aws.amazon.com', true],
  ])('synthesizes for %s what its partition has', (region, console, hasJsonLogs) => {
    const context = {
      ...cdkJson.context,
      organization: 'acme',
      // Otherwise, the CDK CLI looks the zones up.
      'network.availabilityZones': JSON.stringify([`${region}a`, `${region}b`]),
    };
    const target = { CDK_DEFAULT_REGION: region, CDK_DEFAULT_ACCOUNT: '123456789012' };
    const { status, outdir } = synthesize(region, context, target);
    expect(status).toBe(0);
    const template = readFileSync(join(outdir, 'AgentLauncher.template.json'), 'utf8');
    expect(template).toContain(`https://${console}/cloudwatch`);
    expect(template.includes('"LogFormat": "JSON"')).toBe(hasJsonLogs);
  });

  it('rejects the committed cdk.json before the organization is set', () => {
    const { status, stderr } = synthesize('placeholder', cdkJson.context);
    expect(status).toBe(1);
    expect(stderr).toContain('"your-org", the placeholder of the example');
    expect(stderr).toContain('-c organization=NAME');
  });

  it('has the settings of the committed cdk.json in docs/setup-by-hand.md', () => {
    const [, example = ''] =
      /```json\n\s*"agentLauncher": (\{[\s\S]*?\n\s*\})\n\s*```/.exec(
        readFileSync(join(root, 'docs/setup-by-hand.md'), 'utf8'),
      ) ?? [];
    expect(JSON.parse(example)).toEqual(cdkJson.context['agentLauncher']);
  });

  it('accepts the placeholder of a fresh clone in npm run synth', () => {
    const scripts = z.object({ scripts: z.object({ synth: z.string() }) });
    const { synth } = scripts.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).scripts;
    expect(synth).toContain('-c agent-launcher:allowPlaceholder=true');
  });

  it('warns about a missing container engine, and ignores the region if there are no credentials', () => {
    // Without credentials or configuration, the CLI sets the region to us-east-1.
    const context = { agentLauncher: { ...LEAST, alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' } };
    const environment = { CDK_DOCKER: 'no-such-engine', CDK_DEFAULT_REGION: 'us-east-1' };
    const { status, stderr } = synthesize('no-docker', context, environment);
    expect(status).toBe(0);
    expect(stderr).toContain('no-such-engine, which is not on your PATH');
  });

  it('rejects secrets and topics outside the account and region that the CLI deploys to', () => {
    const apiTokenSecret = 'arn:aws:secretsmanager:us-east-1:210987654321:secret:api-AbCdEf';
    const alarmTopicArn = 'arn:aws:sns:eu-central-1:123456789012:alarms';
    const target = { CDK_DEFAULT_REGION: 'us-east-1', CDK_DEFAULT_ACCOUNT: '123456789012' };
    const { status, stderr } = synthesize(
      'target',
      { agentLauncher: { ...LEAST, apiTokenSecret, alarmTopicArn } },
      target,
    );
    expect(status).toBe(1);
    expect(stderr).toContain('while the stack is deployed to account 123456789012');
    expect(stderr).toContain('a topic in us-east-1');
  });

  it('fails if a template breaks one of CloudFormation’s rules', () => {
    expect(cdkJson.context['@aws-cdk/core:validateAgainstDefaultRules']).toBe(true);
  });

  it('runs on the project’s Node.js, not on the host’s', () => {
    expect(cdkJson.app).toBe('node bin/check-platform.mjs && node_modules/.bin/node bin/agent-launcher.ts');
  });

  it('reports every wrong setting without a stack trace, and synthesizes nothing', () => {
    const context = { agentLauncher: LEAST, hostname: 'https://acme', organisation: 'acme', 'pools.0.maxAgents': '-1' };
    const { status, stderr, outdir } = synthesize('wrong', context);
    expect(status).toBe(1);
    expect(stderr).toContain('3 settings are wrong');
    for (const path of ['hostname', 'organisation', 'pools.0.maxAgents']) expect(stderr).toContain(`  ${path}\n`);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(outdir)).toEqual([]);
  });
});
