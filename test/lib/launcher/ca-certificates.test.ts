import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENV } from '../../../functions/launcher/contract.ts';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';
import { lambdaBundle } from '../../../lib/bundle/lambda-bundle.ts';
import { newAuthority } from '../../certificates.ts';
import { newFolder } from '../../temporary-folder.ts';
import { launcherIn, refusalOf, secretIn } from '../constructs.ts';
import { faultsOf } from '../settings-faults.ts';
import {
  emptyStack,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  stackOf,
  statementsOf,
  templateOf,
  variablesOf,
  warningsIn,
} from '../synthesis.ts';

const nudge = { hmacKeySecret: 'acme/nudge-key' };
const secret = 'acme/ca-certificates';
const folder = newFolder('ca');
const file = join(folder, 'ca.pem');
let pem: string;

beforeAll(async () => {
  pem = (await newAuthority('Corp Root')).cert;
  writeFileSync(file, pem);
});

const variablesOfNudge = (template: Template) =>
  propertiesOf(template, 'AWS::Lambda::Function').find(({ FunctionName }) => /nudge$/.test(FunctionName)).Environment
    .Variables;

describe('caCertificates.file', () => {
  it('makes both functions trust the file next to their code', () => {
    const template = templateOf({ ...REGISTRY_IMAGE, nudge, caCertificates: { file } });
    const trusted = { NODE_EXTRA_CA_CERTS: '/var/task/ca-certificates.pem' };
    expect(variablesOf(template)).toMatchObject(trusted);
    expect(variablesOfNudge(template)).toMatchObject(trusted);
    expect(variablesOf(template)).not.toHaveProperty(ENV.caCertificatesSecret);
  });

  it('puts the certificates into the bundle, and doesn’t mix it up with the bundle without them', () => {
    const app = new App({ outdir: newFolder('ca-bundles') });
    const stack = new Stack(app, 'S');
    for (const [id, certificates] of [
      ['Without', undefined],
      ['With', pem],
    ] as const) {
      new lambda.Function(stack, id, {
        runtime: lambda.Runtime.NODEJS_24_X,
        handler: 'index.handler',
        code: lambdaBundle('nudge', certificates),
      });
    }
    const assembly = app.synth();
    const keys = propertiesOf(Template.fromStack(stack), 'AWS::Lambda::Function').map(({ Code }) =>
      Code.S3Key.replace('.zip', ''),
    );
    const [without, withThem] = keys.map((key) => join(assembly.directory, `asset.${key}`));
    expect(readFileSync(join(`${withThem}`, 'ca-certificates.pem'), 'utf8')).toBe(pem);
    expect(readFileSync(join(`${withThem}`, 'index.mjs'), 'utf8')).toBe(
      readFileSync(join(`${without}`, 'index.mjs'), 'utf8'),
    );
    expect(() => readFileSync(join(`${without}`, 'ca-certificates.pem'))).toThrow('ENOENT');
  });

  it('goes into the image that the deployment builds, also into the default image of the construct', () => {
    const manifestOf = ({ node: { root } }: Stack) => {
      const { directory } = (root as App).synth();
      return readFileSync(join(directory, 'AgentLauncher.assets.json'), 'utf8');
    };
    const argument = `"CA_CERTIFICATES": "${Buffer.from(`${pem.trim()}\n`).toString('base64')}"`;
    expect(manifestOf(stackOf({ caCertificates: { file } }).stack)).toContain(argument);
    expect(manifestOf(stackOf({ agentImage: { source: 'release' }, caCertificates: { file } }).stack)).toContain(
      argument,
    );
    expect(manifestOf(stackOf().stack)).not.toContain('CA_CERTIFICATES');
  });

  it('warns at synthesis about a certificate that has expired', async () => {
    const old = join(folder, 'old.pem');
    writeFileSync(old, (await newAuthority('Old Root', -1)).cert);
    const { stack } = stackOf({ ...REGISTRY_IMAGE, caCertificates: { file: old } });
    expect(warningsIn(stack, 'Old Root.*expired on')).toHaveLength(1);
  });

  it('is a fault of the settings and of the construct if the file is wrong', () => {
    expect(faultsOf({ caCertificates: { file: 'no/such.pem' } })).toMatchObject([
      { path: 'caCertificates.file', given: expect.stringContaining('ENOENT') },
    ]);
    expect(refusalOf(() => launcherIn(emptyStack(), { caCertificates: { file: 'no/such.pem' } }))).toMatch(
      /caCertificates\.file[\s\S]*ENOENT/,
    );
  });
});

describe('caCertificates.secret', () => {
  it('lets both functions read the secret, and sets its name', () => {
    const template = templateOf({ ...REGISTRY_IMAGE, nudge, caCertificates: { secret } });
    expect(variablesOf(template)[ENV.caCertificatesSecret]).toBe(secret);
    expect(variablesOfNudge(template)[NUDGE_ENV.caCertificatesSecret]).toBe(secret);
    expect(variablesOf(template)).not.toHaveProperty('NODE_EXTRA_CA_CERTS');
    for (const sid of ['ReadConnectionSecrets', 'ReadCaCertificates']) {
      const statements = statementsOf(template).filter(({ Sid }) => Sid === sid);
      expect(statements.map(({ Action }) => Action)).toEqual([['secretsmanager:GetSecretValue']]);
      expect(statements.flatMap(resourcesOf)).toEqual([expect.stringMatching(/:secret:acme\/ca-certificates-\?{6}$/)]);
    }
  });

  it('of the construct is a secret', () => {
    const stack = emptyStack();
    launcherIn(stack, { caCertificates: { secret: secretIn(stack, 'Ca') } });
    expect(variablesOf(Template.fromStack(stack))).toHaveProperty(ENV.caCertificatesSecret);
  });
});

it('file and secret together are a fault', () => {
  expect(faultsOf({ caCertificates: { file, secret } })).toMatchObject([
    { path: 'caCertificates', allowed: 'either file or secret' },
  ]);
});

it('neither is a fault, because nothing would be trusted', () => {
  expect(faultsOf({ caCertificates: {} })).toMatchObject([
    { path: 'caCertificates', given: 'neither file nor secret' },
  ]);
});
