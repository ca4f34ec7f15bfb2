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

it.each([
  ['app.terraform.io', ['app.terraform.io', 'archivist.terraform.io']],
  ['app.eu.terraform.io', ['app.eu.terraform.io', 'archivist.eu.terraform.io']],
  ['tfe.example.com:8443', ['tfe.example.com']],
])('the default domains of %s are its own hosts, and those of releases and of the registry', (hostname, own) => {
  expect(defaultNames(hostname)).toEqual([...own, 'releases.hashicorp.com', 'registry.terraform.io']);
});

describe('the domains of jobs', () => {
  const hostname = 'tfe.example.com';

  it.each<[string, Parameters<typeof jobNames>[0], string[]]>([
    ['the default domains without presets', { hostname }, defaultNames(hostname)],
    [
      'the hostname and the allowed domains',
      { hostname: 'tfe.example.com:8443', allowedDomains: ['*.example.org'] },
      [hostname, '*.example.org'],
    ],
    [
      'every host of a download with the preset of GitHub releases',
      { hostname, allowedDomains: [], allowedPresets: ['github-releases'] },
      [
        hostname,
        'github.com',
        'api.github.com',
        'codeload.github.com',
        'objects.githubusercontent.com',
        'release-assets.githubusercontent.com',
      ],
    ],
  ])('are %s', (_, settings, names) => {
    expect(jobNames(settings, place)).toEqual(names);
  });

  it('include the domains of all presets', () => {
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

  it("include AWS APIs in the stack's region by default, also in China", () => {
    const china = { ...place, region: 'cn-north-1', urlSuffix: 'amazonaws.com.cn' };
    const settings = { hostname, allowedPresets: ['aws-apis'] as const, awsApiServices: ['ec2'] };
    expect(jobNames(settings, china)).toContain('ec2.cn-north-1.amazonaws.com.cn');
  });
});

it.each<[string, string, string[]]>([
  ['ec2', 'eu-central-1', ['ec2.eu-central-1.amazonaws.com']],
  ['ec2', 'cn-north-1', ['ec2.cn-north-1.amazonaws.com.cn']],
  ['ec2', 'eusc-de-east-1', ['ec2.eusc-de-east-1.amazonaws.eu']],
  ['iam', 'eusc-de-east-1', ['iam.eusc-de-east-1.amazonaws.eu']],
  ['organizations', 'eusc-de-east-1', ['organizations.eusc-de-east-1.amazonaws.eu']],
  ['route53', 'eu-central-1', ['route53.amazonaws.com']],
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
])('the hostnames of the API %s in %s are these', (service, region, names) => {
  expect(awsApiNames([service], [region])).toEqual(names);
});

describe('the domains of task startup', () => {
  const ecr = ['api.ecr.eu-central-1.amazonaws.com', '123456789012.dkr.ecr.eu-central-1.amazonaws.com'];
  const shared = ['logs.eu-central-1.amazonaws.com', 'secretsmanager.eu-central-1.amazonaws.com'];
  const bucket = (region: string) => `prod-${region}-starport-layer-bucket.s3.${region}.amazonaws.com`;

  it('for a built image are the hosts of ECR in this region, its layers, logs and secrets', () => {
    expect(taskStartNames([undefined], place)).toEqual({
      apis: [...ecr, ...shared],
      layers: [bucket('eu-central-1')],
      registries: [],
      monitoring: [],
    });
  });

  it('for an image in another registry include neither ECR nor its layers', () => {
    expect(taskStartNames(['ghcr.io/acme/agent'], place)).toMatchObject({ apis: shared, layers: [] });
  });

  it("with GuardDuty's sidecar include its registry and endpoint, and ECR's layers", () => {
    expect(taskStartNames(['ghcr.io/acme/agent:1'], place, '323658145986')).toMatchObject({
      apis: expect.arrayContaining([ecr[0], '323658145986.dkr.ecr.eu-central-1.amazonaws.com']),
      layers: [bucket('eu-central-1')],
      monitoring: ['guardduty-data.eu-central-1.amazonaws.com'],
    });
  });

  it('for an image at its dual-stack hostname include both forms of hosts', () => {
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

  it.each([
    ['999999999999.dkr.ecr.eusc-de-east-1.amazonaws.eu/agents:7', ['api.ecr.eusc-de-east-1.amazonaws.eu']],
    [
      '999999999999.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/agents:7',
      ['api.ecr.cn-north-1.amazonaws.com.cn', 'ecr.cn-north-1.api.amazonwebservices.com.cn'],
    ],
  ])('for %s are in the partition of the image', (image, hosts) => {
    expect(taskStartNames([image], place).registries).toEqual(expect.arrayContaining(hosts));
  });

  it('for an image in a different account and region include the ECR hosts there', () => {
    const { registries } = taskStartNames(['999999999999.dkr.ecr.us-east-1.amazonaws.com/agents:7'], place);
    expect(registries).toEqual([
      '999999999999.dkr.ecr.us-east-1.amazonaws.com',
      'api.ecr.us-east-1.amazonaws.com',
      bucket('us-east-1'),
    ]);
  });

  it('resolve together with the domains of jobs, and no others do', () => {
    const settings = { hostname: 'tfe.example.com', allowedDomains: [] };
    const names = ['tfe.example.com', shared[0], bucket('eu-central-1'), 'cdn03.quay.io'];
    expect(resolvingNames(settings, [undefined, 'quay.io/a/b'], place)).toEqual(expect.arrayContaining(names));
  });
});

describe('the hosts of a registry', () => {
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
    ['registry-1.docker.io/hashicorp/tfc-agent:1.31.0', DOCKER_HUB],
    ['registry.hub.docker.com/hashicorp/tfc-agent', DOCKER_HUB],
    ['ubuntu', DOCKER_HUB],
    ['localhosted/agent', DOCKER_HUB],
    ['mylocalhost/agent', DOCKER_HUB],
    ['ghcr.io/acme/agent', ['ghcr.io', 'pkg-containers.githubusercontent.com']],
    ['public.ecr.aws/acme/agent', ['public.ecr.aws', 'd5l0dvt14r5h8.cloudfront.net', 'd2glxqk2uabbnd.cloudfront.net']],
    ['quay.io/acme/agent', ['quay.io', 'cdn.quay.io', 'cdn01.quay.io', 'cdn02.quay.io', 'cdn03.quay.io']],
    ['registry.example.com:5000/agent', ['registry.example.com']],
    ['localhost/agent', ['localhost']],
  ])('of %s include all hosts that a pull needs, and no hosts of ECR’s layers', (image, hosts) => {
    expect(taskStartNames([image], place)).toMatchObject({ registries: hosts, layers: [] });
  });

  it.each<[string, string, number]>([
    ['ubuntu', 'docker.io', 443],
    ['acme/agent', 'docker.io', 443],
    ['localhost:5000/agent', 'localhost', 5000],
    ['registry.example.com/agent', 'registry.example.com', 443],
    ['Registry.Example.com:8443/agent', 'registry.example.com', 8443],
    ['ubuntu:22.04', 'docker.io', 443],
  ])('of %s include the registry %s on port %i', (image, host, port) => {
    expect(registryOf(image)).toEqual({ host, port });
  });

  it.each([
    ['ubuntu', true],
    ['ghcr.io/acme/agent', true],
    ['quay.io/acme/agent', true],
    ['registry.example.com/agent', false],
    [ECR, false],
  ])('of %s change without notice if layers come from other hosts: %s', (image, expected) => {
    expect(hasChangingHosts(image)).toBe(expected);
  });

  it('include S3 buckets for Docker Hub only', () => {
    expect(registryBuckets(['ubuntu'])).toEqual(['docker-images-prod']);
    expect(registryBuckets([undefined, ECR, 'ghcr.io/acme/agent'])).toEqual([]);
  });
});

const all = ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager'];
it.each<[string, (string | undefined)[], string[]]>([
  ['a built image', [undefined], all],
  ['an image in ECR and others', ['ubuntu', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a'], all],
  ['images in other registries', ['ubuntu', 'ghcr.io/acme/agent'], ['logs', 'secretsmanager']],
])('task startup with %s needs these services', (_, images, services) => {
  expect(taskStartServices(images)).toEqual(services);
});

it.each([
  ['tfe.example.com', 443],
  ['tfe.example.com:8443', 8443],
])('the hostname %s has the port %i', (hostname, port) => {
  expect(portOf(hostname)).toBe(port);
});
