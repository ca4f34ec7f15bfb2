import { describe, expect, it } from 'vitest';
import { defaultNames, jobNames, taskStartNames } from '../../../lib/egress/allowed-domains.ts';
import { awsApiNames } from '../../../lib/egress/aws-names.ts';

const place = { account: '123456789012', region: 'eu-central-1', urlSuffix: 'amazonaws.com' };

describe('the default names', () => {
  it('of HCP Terraform are its own', () => {
    expect(defaultNames('app.terraform.io')).toEqual([
      'app.terraform.io',
      'archivist.terraform.io',
      'releases.hashicorp.com',
      'registry.terraform.io',
    ]);
  });

  it("of Terraform Enterprise and of Europe have their own hosts in the place of HCP Terraform's", () => {
    expect(defaultNames('tfe.example.com:8443')).toEqual([
      'tfe.example.com',
      'releases.hashicorp.com',
      'registry.terraform.io',
    ]);
    expect(defaultNames('app.eu.terraform.io')).toContain('archivist.eu.terraform.io');
    expect(defaultNames('app.eu.terraform.io')).not.toContain('app.terraform.io');
  });
});

describe('the names of jobs', () => {
  it('always have the host, whatever else is allowed', () => {
    expect(jobNames({ hostname: 'tfe.example.com:8443', allowedDomains: ['*.example.org'] }, place)).toEqual([
      'tfe.example.com',
      '*.example.org',
    ]);
  });

  it('add presets', () => {
    const names = jobNames(
      {
        hostname: 'app.terraform.io',
        allowedDomains: ['login.example.com'],
        allowedPresets: ['hcp-terraform', 'github-releases', 'aws-apis'],
        awsApiServices: ['s3', 'sts', 'iam', 'ec2'],
        awsApiRegions: ['us-east-1', 'eu-west-1'],
      },
      place,
    );
    for (const name of ['registry.terraform.io', 'release-assets.githubusercontent.com', 'iam.amazonaws.com']) {
      expect(names).toContain(name);
    }
    for (const region of ['us-east-1', 'eu-west-1']) {
      for (const service of ['s3', '*.s3', 'sts', 'ec2']) expect(names).toContain(`${service}.${region}.amazonaws.com`);
    }
  });

  it("are of the stack's region and China's suffix, where nothing else is said", () => {
    const china = { ...place, region: 'cn-north-1', urlSuffix: 'amazonaws.com.cn' };
    const settings = { hostname: 'app.terraform.io', allowedPresets: ['aws-apis'] as const, awsApiServices: ['ec2'] };
    expect(jobNames(settings, china)).toContain('ec2.cn-north-1.amazonaws.com.cn');
    expect(awsApiNames(['route53'], ['eu-central-1'])).toEqual(['route53.amazonaws.com']);
  });
});

describe('the names of AWS APIs', () => {
  it.each<[string, string, string[]]>([
    ['ec2', 'eu-central-1', ['ec2.eu-central-1.amazonaws.com']],
    ['ec2', 'cn-north-1', ['ec2.cn-north-1.amazonaws.com.cn']],
    ['ec2', 'eusc-de-east-1', ['ec2.eusc-de-east-1.amazonaws.eu']],
    ['iam', 'eusc-de-east-1', ['iam.eusc-de-east-1.amazonaws.eu']],
    ['organizations', 'eusc-de-east-1', ['organizations.eusc-de-east-1.amazonaws.eu']],
    ['route53', 'eusc-de-east-1', ['route53.amazonaws.eu']],
    ['route53', 'us-gov-west-1', ['route53.us-gov.amazonaws.com']],
    ['sts', 'eusc-de-east-1', ['sts.eusc-de-east-1.amazonaws.eu']],
    ['sts', 'eu-central-1', ['sts.eu-central-1.amazonaws.com', 'sts.amazonaws.com']],
    ['ce', 'cn-northwest-1', ['ce.cn-northwest-1.amazonaws.com.cn']],
    ['ce', 'cn-north-1', ['ce.cn-northwest-1.amazonaws.com.cn']],
    ['cloudfront', 'cn-north-1', ['cloudfront.cn-northwest-1.amazonaws.com.cn']],
    ['savingsplans', 'cn-north-1', ['savingsplans.cn-north-1.amazonaws.com.cn']],
    ['support', 'us-gov-east-1', ['support.us-gov-west-1.amazonaws.com']],
    ['networkmanager', 'us-gov-east-1', ['networkmanager.us-gov-west-1.amazonaws.com']],
    ['organizations', 'us-gov-east-1', ['organizations.us-gov-west-1.amazonaws.com']],
    ['api.ecr', 'eu-central-1', ['api.ecr.eu-central-1.amazonaws.com']],
    ['ecr', 'eu-west-1', ['api.ecr.eu-west-1.amazonaws.com', '*.dkr.ecr.eu-west-1.amazonaws.com']],
    ['ecr-public', 'eu-central-1', ['api.ecr-public.us-east-1.amazonaws.com', 'public.ecr.aws']],
    ['budgets', 'eu-central-1', ['budgets.amazonaws.com']],
    ['ce', 'eu-central-1', ['ce.us-east-1.amazonaws.com']],
    ['globalaccelerator', 'eu-central-1', ['globalaccelerator.us-west-2.amazonaws.com']],
    ['route53domains', 'eu-central-1', ['route53domains.us-east-1.amazonaws.com']],
    ['iam', 'us-gov-west-1', ['iam.us-gov.amazonaws.com']],
    ['iam', 'cn-north-1', ['iam.cn-north-1.amazonaws.com.cn']],
    ['sts', 'cn-north-1', ['sts.cn-north-1.amazonaws.com.cn']],
    ['sagemaker', 'eu-central-1', ['api.sagemaker.eu-central-1.amazonaws.com']],
  ])('of %s in %s', (service, region, names) => {
    expect(awsApiNames([service], [region])).toEqual(names);
  });
});

describe('the names of a task start', () => {
  const ecr = ['api.ecr.eu-central-1.amazonaws.com', '123456789012.dkr.ecr.eu-central-1.amazonaws.com'];
  const bucket = (region: string) => `prod-${region}-starport-layer-bucket.s3.${region}.amazonaws.com`;

  it('are ECR, its layers, logs and secrets, for the image that is built', () => {
    expect(taskStartNames([undefined], place)).toEqual({
      apis: [...ecr, 'logs.eu-central-1.amazonaws.com', 'secretsmanager.eu-central-1.amazonaws.com'],
      layers: [bucket('eu-central-1')],
      registries: [],
      monitoring: [],
    });
  });

  it('are the registry and where its layers are, for an image from there', () => {
    expect(taskStartNames(['hashicorp/tfc-agent:1.31.0'], place).registries).toContain('registry-1.docker.io');
    expect(taskStartNames(['docker.io/hashicorp/tfc-agent:1.31.0'], place).registries).toContain('auth.docker.io');
    expect(taskStartNames(['ghcr.io/acme/agent:1'], place).registries).toContain(
      'pkg-containers.githubusercontent.com',
    );
    expect(taskStartNames(['registry.acme.example:5000/agent:1'], place).registries).toEqual(['registry.acme.example']);
    for (const hub of ['index.docker.io', 'registry-1.docker.io']) {
      expect(taskStartNames([`${hub}/hashicorp/tfc-agent:1.31.0`], place).registries).toContain('auth.docker.io');
    }
    expect(taskStartNames(['hashicorp/tfc-agent:1.31.0'], place).layers).toEqual([]);
  });

  it("have GuardDuty's registry and endpoint, and ECR's layers for its sidecar, where the tasks have one", () => {
    expect(taskStartNames(['ghcr.io/acme/agent:1'], place, '323658145986')).toMatchObject({
      apis: expect.arrayContaining([
        'api.ecr.eu-central-1.amazonaws.com',
        '323658145986.dkr.ecr.eu-central-1.amazonaws.com',
      ]),
      layers: [bucket('eu-central-1')],
      monitoring: ['guardduty-data.eu-central-1.amazonaws.com'],
    });
  });

  it('are of both kinds, for an image by the name that ECR has for IPv4 and IPv6', () => {
    const { apis, layers, registries } = taskStartNames(['123456789012.dkr-ecr.eu-central-1.on.aws/agents:7'], place);
    expect(registries).toEqual([
      '123456789012.dkr-ecr.eu-central-1.on.aws',
      'api.ecr.eu-central-1.amazonaws.com',
      bucket('eu-central-1'),
      'ecr.eu-central-1.api.aws',
      'prod-eu-central-1-starport-layer-bucket.s3.dualstack.eu-central-1.amazonaws.com',
    ]);
    expect(apis).toEqual(expect.arrayContaining(ecr));
    expect(layers).toEqual([bucket('eu-central-1')]);
  });

  it("are ECR's of the partition that an image is in", () => {
    const sovereign = taskStartNames(['999999999999.dkr.ecr.eusc-de-east-1.amazonaws.eu/agents:7'], place);
    expect(sovereign.registries).toContain('api.ecr.eusc-de-east-1.amazonaws.eu');
    const china = taskStartNames(['999999999999.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/agents:7'], place);
    expect(china.registries).toEqual(
      expect.arrayContaining(['api.ecr.cn-north-1.amazonaws.com.cn', 'ecr.cn-north-1.api.amazonwebservices.com.cn']),
    );
  });

  it("are another account's and another region's ECR, for an image from there", () => {
    const { registries } = taskStartNames(['999999999999.dkr.ecr.us-east-1.amazonaws.com/agents:7'], place);
    expect(registries).toEqual([
      '999999999999.dkr.ecr.us-east-1.amazonaws.com',
      'api.ecr.us-east-1.amazonaws.com',
      bucket('us-east-1'),
    ]);
  });
});
