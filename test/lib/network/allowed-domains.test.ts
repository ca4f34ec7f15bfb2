import { describe, expect, it } from 'vitest';
import { awsApiNames } from '../../../lib/aws/service-endpoints.ts';
import {
  defaultNames,
  hasChangingHosts,
  jobNames,
  portOf,
  registryBuckets,
  registryOf,
  resolvingNames,
  taskStartNames,
  taskStartServices,
} from '../../../lib/network/allowed-domains.ts';

const place = { account: '123456789012', region: 'eu-central-1', urlSuffix: 'amazonaws.com' };

describe('the default domains', () => {
  it('of HCP Terraform include its archivist', () => {
    expect(defaultNames('app.terraform.io')).toEqual([
      'app.terraform.io',
      'archivist.terraform.io',
      'releases.hashicorp.com',
      'registry.terraform.io',
    ]);
  });

  it("of Terraform Enterprise and of Europe have their own hosts instead of HCP Terraform's", () => {
    expect(defaultNames('tfe.example.com:8443')).toEqual([
      'tfe.example.com',
      'releases.hashicorp.com',
      'registry.terraform.io',
    ]);
    expect(defaultNames('app.eu.terraform.io')).toContain('archivist.eu.terraform.io');
    expect(defaultNames('app.eu.terraform.io')).not.toContain('app.terraform.io');
  });
});

describe('the domains of jobs', () => {
  it('always include the hostname', () => {
    expect(jobNames({ hostname: 'tfe.example.com:8443', allowedDomains: ['*.example.org'] }, place)).toEqual([
      'tfe.example.com',
      '*.example.org',
    ]);
  });

  it('include those of the presets', () => {
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

  it("use the stack's region and domain by default, also in China", () => {
    const china = { ...place, region: 'cn-north-1', urlSuffix: 'amazonaws.com.cn' };
    const settings = { hostname: 'app.terraform.io', allowedPresets: ['aws-apis'] as const, awsApiServices: ['ec2'] };
    expect(jobNames(settings, china)).toContain('ec2.cn-north-1.amazonaws.com.cn');
    expect(awsApiNames(['route53'], ['eu-central-1'])).toEqual(['route53.amazonaws.com']);
  });
});

describe('the hostnames of AWS APIs', () => {
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

describe('the domains of a task start', () => {
  const ecr = ['api.ecr.eu-central-1.amazonaws.com', '123456789012.dkr.ecr.eu-central-1.amazonaws.com'];
  const bucket = (region: string) => `prod-${region}-starport-layer-bucket.s3.${region}.amazonaws.com`;

  it('are ECR, its layers, logs and secrets for a built image', () => {
    expect(taskStartNames([undefined], place)).toEqual({
      apis: [...ecr, 'logs.eu-central-1.amazonaws.com', 'secretsmanager.eu-central-1.amazonaws.com'],
      layers: [bucket('eu-central-1')],
      registries: [],
      monitoring: [],
    });
  });

  it('are the registry and the hosts of its layers for a registry image', () => {
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

  it("include GuardDuty's registry and endpoint, and ECR's layers, if the tasks have its sidecar", () => {
    expect(taskStartNames(['ghcr.io/acme/agent:1'], place, '323658145986')).toMatchObject({
      apis: expect.arrayContaining([
        'api.ecr.eu-central-1.amazonaws.com',
        '323658145986.dkr.ecr.eu-central-1.amazonaws.com',
      ]),
      layers: [bucket('eu-central-1')],
      monitoring: ['guardduty-data.eu-central-1.amazonaws.com'],
    });
  });

  it('include both forms of hosts for an image by its dual-stack hostname', () => {
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

  it("are ECR's in the partition of the image", () => {
    const sovereign = taskStartNames(['999999999999.dkr.ecr.eusc-de-east-1.amazonaws.eu/agents:7'], place);
    expect(sovereign.registries).toContain('api.ecr.eusc-de-east-1.amazonaws.eu');
    const china = taskStartNames(['999999999999.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/agents:7'], place);
    expect(china.registries).toEqual(
      expect.arrayContaining(['api.ecr.cn-north-1.amazonaws.com.cn', 'ecr.cn-north-1.api.amazonwebservices.com.cn']),
    );
  });

  it('are the ECR of another account and region for an image from there', () => {
    const { registries } = taskStartNames(['999999999999.dkr.ecr.us-east-1.amazonaws.com/agents:7'], place);
    expect(registries).toEqual([
      '999999999999.dkr.ecr.us-east-1.amazonaws.com',
      'api.ecr.us-east-1.amazonaws.com',
      bucket('us-east-1'),
    ]);
  });
});

describe('the hosts of registries', () => {
  const DOCKER_HUB = [
    'registry-1.docker.io',
    'auth.docker.io',
    'production.cloudflare.docker.com',
    'production.cloudfront.docker.com',
    'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    'docker-images-prod.s3.us-east-1.amazonaws.com',
    'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com',
  ];
  const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent:1';

  it.each<[string, string[]]>([
    ['hashicorp/tfc-agent:1.28', DOCKER_HUB],
    ['docker.io/hashicorp/tfc-agent:1.28', DOCKER_HUB],
    ['index.docker.io/hashicorp/tfc-agent:1.28', DOCKER_HUB],
    ['registry.hub.docker.com/hashicorp/tfc-agent', DOCKER_HUB],
    ['ubuntu', DOCKER_HUB],
    ['localhosted/agent', DOCKER_HUB],
    ['mylocalhost/agent', DOCKER_HUB],
    ['ghcr.io/acme/agent', ['ghcr.io', 'pkg-containers.githubusercontent.com']],
    ['public.ecr.aws/acme/agent', ['public.ecr.aws', 'd5l0dvt14r5h8.cloudfront.net', 'd2glxqk2uabbnd.cloudfront.net']],
    ['quay.io/acme/agent', ['quay.io', 'cdn.quay.io', 'cdn01.quay.io', 'cdn02.quay.io', 'cdn03.quay.io']],
    ['registry.example.com:5000/agent', ['registry.example.com']],
    ['localhost/agent', ['localhost']],
  ])('of %s are all that a pull needs', (image, hosts) => {
    expect(taskStartNames([image], place).registries).toEqual(hosts);
  });

  it('of an image from elsewhere include neither ECR nor its layers', () => {
    const names = taskStartNames(['ghcr.io/acme/agent'], place);
    expect(names.apis).toEqual(['logs.eu-central-1.amazonaws.com', 'secretsmanager.eu-central-1.amazonaws.com']);
    expect(names.layers).toEqual([]);
  });

  it('of a built image are this region’s ECR', () => {
    const names = taskStartNames([undefined], place);
    expect(names.apis).toEqual([
      'api.ecr.eu-central-1.amazonaws.com',
      '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
      'logs.eu-central-1.amazonaws.com',
      'secretsmanager.eu-central-1.amazonaws.com',
    ]);
    expect(names.layers).toEqual(['prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com']);
    expect(names.registries).toEqual([]);
  });

  it.each<[string, string, number]>([
    ['ubuntu', 'docker.io', 443],
    ['acme/agent', 'docker.io', 443],
    ['localhost:5000/agent', 'localhost', 5000],
    ['registry.example.com/agent', 'registry.example.com', 443],
    ['Registry.Example.com:8443/agent', 'registry.example.com', 8443],
    ['ubuntu:22.04', 'docker.io', 443],
  ])('the reference %s has the registry %s and port %i', (image, host, port) => {
    expect(registryOf(image)).toEqual({ host, port });
  });

  it('change without notice if layers come from other hosts than the registry', () => {
    expect(['ubuntu', 'ghcr.io/acme/agent', 'quay.io/acme/agent'].map(hasChangingHosts)).toEqual([true, true, true]);
    expect(['registry.example.com/agent', ECR].map(hasChangingHosts)).toEqual([false, false]);
  });

  it('have S3 buckets for Docker Hub only', () => {
    expect(registryBuckets(['ubuntu'])).toEqual(['docker-images-prod']);
    expect(registryBuckets([undefined, ECR, 'ghcr.io/acme/agent'])).toEqual([]);
  });

  it('resolve together with the domains of jobs and of a task start', () => {
    const names = resolvingNames(
      { hostname: 'tfe.example.com', allowedDomains: [] },
      [undefined, 'quay.io/a/b'],
      place,
    );
    expect(names).toEqual(
      expect.arrayContaining([
        'tfe.example.com',
        'logs.eu-central-1.amazonaws.com',
        'prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com',
        'cdn03.quay.io',
      ]),
    );
  });
});

describe('the services of a task start', () => {
  it.each<[string, (string | undefined)[], string[]]>([
    ['the stack’s own image', [undefined], ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager']],
    [
      'an image in ECR among others',
      ['ubuntu', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a'],
      ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager'],
    ],
    ['images from elsewhere', ['ubuntu', 'ghcr.io/acme/agent'], ['logs', 'secretsmanager']],
  ])('with %s are those without which it fails', (_, images, services) => {
    expect(taskStartServices(images)).toEqual(services);
  });
});

it('the preset for GitHub releases has every host of a download', () => {
  const names = jobNames(
    { hostname: 'tfe.example.com', allowedDomains: [], allowedPresets: ['github-releases'] },
    place,
  );
  expect(names).toEqual([
    'tfe.example.com',
    'github.com',
    'api.github.com',
    'codeload.github.com',
    'objects.githubusercontent.com',
    'release-assets.githubusercontent.com',
  ]);
});

it('without presets, jobs may reach only the default domains of the hostname', () => {
  expect(jobNames({ hostname: 'tfe.example.com' }, place)).toEqual(defaultNames('tfe.example.com'));
});

it('a host without a port has port 443', () => {
  expect([portOf('tfe.example.com'), portOf('tfe.example.com:8443')]).toEqual([443, 8443]);
});
