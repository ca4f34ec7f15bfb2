/**
 * The real CDK CLI bootstraps an account and then deploys, compares and destroys the whole stack in every egress mode, against an emulator
 * of AWS. It shows that the templates, assets, references and outputs work together. It doesn't show that the resources work: only AWS can.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { DescribeVpcsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { OUTPUTS } from '../../lib/names.ts';
import { EXISTING_VPC, LEAST } from '../../test/lib/synthesis.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { CASES } from '../../test/upgrade/cases.ts';
import { cdk, writeApp } from '../live/cdk.ts';
import { type Moto, startMoto, whyNoMoto } from './moto.ts';

const ACCOUNT = '123456789012';
const REGION = 'eu-central-1';
/** A registry image needs no container engine. */
const IMAGE = { agentImage: { registry: 'hashicorp/tfc-agent:1.33.0' } };

const template = z.object({ Resources: z.record(z.string(), z.unknown()) });

describeUnless(whyNoMoto(), 'the stack in an emulated account', () => {
  const home = newFolder('deploy');
  let moto: Moto;
  let env: Record<string, string>;
  let cloudFormation: CloudFormationClient;
  let ec2: EC2Client;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x'.repeat(40) };
    env = {
      HOME: home,
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const client = { region: REGION, endpoint: moto.url, credentials };
    cloudFormation = new CloudFormationClient(client);
    ec2 = new EC2Client(client);
    writeApp(join(home, 'bootstrap'), { ...LEAST, ...IMAGE });
    await run('bootstrap', ['bootstrap', `aws://${ACCOUNT}/${REGION}`]);
  }, 180_000);

  afterAll(() => moto?.close());

  const run = (folder: string, args: readonly string[]): Promise<string> =>
    cdk(args, { folder: join(home, folder), env, note: () => undefined });
  const vpcs = async () => (await ec2.send(new DescribeVpcsCommand({}))).Vpcs?.length;

  it.each(Object.entries(CASES))(
    'is deployed completely, differs in nothing afterwards, and is destroyed completely: %s',
    async (name, settings) => {
      const before = await vpcs();
      const folder = name.replaceAll(' ', '-');
      // A deployment that fails doesn't affect those of the other modes.
      const stackName = `Mode-${folder}`;
      writeApp(join(home, folder), { ...LEAST, ...IMAGE, ...settings, stackName });
      await run(folder, ['synth', '--quiet']);
      const built = ['--app', join(home, folder, 'cdk.out')];
      await run(folder, ['deploy', '--require-approval', 'never', ...built]);

      const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }));
      expect(Stacks[0]?.StackStatus).toBe('CREATE_COMPLETE');
      const outputs = Stacks[0]?.Outputs?.map(({ OutputKey }) => OutputKey);
      expect(outputs).toEqual(expect.arrayContaining([OUTPUTS.cluster, OUTPUTS.launcherFunction, OUTPUTS.egressClaim]));
      const text = readFileSync(join(home, folder, 'cdk.out', `${stackName}.template.json`), 'utf8');
      const wanted = Object.keys(template.parse(JSON.parse(text)).Resources).toSorted();
      expect(await resourcesIn(stackName)).toEqual(wanted);

      await run(folder, ['diff', '--fail', '--method', 'template', ...built]);
      await run(folder, ['destroy', '--force', ...built]);
      await expect(cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }))).rejects.toThrow(
        'does not exist',
      );
      expect(await vpcs()).toBe(before);
    },
    300_000,
  );

  it('fails to be deployed if a resource refers to one that doesn’t exist, so the emulator checks references', async () => {
    writeApp(join(home, 'broken'), { ...LEAST, ...IMAGE, network: EXISTING_VPC });
    await run('broken', ['synth', '--quiet']);
    const file = join(home, 'broken', 'cdk.out', 'AgentLauncher.template.json');
    const broken = readFileSync(file, 'utf8').replaceAll(
      /"Fn::GetAtt": \[\s*"LauncherCluster[^"]*"/g,
      '"Fn::GetAtt": ["Nobody"',
    );
    expect(broken).toContain('Nobody');
    writeFileSync(file, broken);
    const built = ['--app', join(home, 'broken', 'cdk.out')];
    await expect(run('broken', ['deploy', '--require-approval', 'never', ...built])).rejects.toThrow(/Nobody/);
  }, 180_000);

  it('needs stubs only for types that the emulator lacks', () => {
    const types = moto.stubs();
    expect(types).toContain('AWS::CloudWatch::Alarm');
    for (const type of ['AWS::EC2::VPC', 'AWS::IAM::Role', 'AWS::Lambda::Function']) expect(types).not.toContain(type);
  });

  async function resourcesIn(stack: string): Promise<string[]> {
    const ids: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await cloudFormation.send(new ListStackResourcesCommand({ StackName: stack, NextToken }));
      ids.push(...(page.StackResourceSummaries ?? []).flatMap(({ LogicalResourceId }) => LogicalResourceId ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return ids.toSorted();
  }
});
