/** What public services say about statements that need no account. A service that doesn't answer settles nothing. */
import { Resolver } from 'node:dns/promises';
import { request } from 'undici';
import * as z from 'zod';
import type { Evidence } from './evidence.ts';

type Published = Evidence['published'];

const TIMEOUT_MS = 30_000;
const release = z.object({ builds: z.array(z.object({ os: z.string(), arch: z.string() })) });
const publicToken = z.object({ token: z.string() });

const priceList = z.object({
  products: z.record(z.string(), z.object({ attributes: z.looseObject({ usagetype: z.string().optional() }) })),
  terms: z.object({
    OnDemand: z.record(
      z.string(),
      z.record(
        z.string(),
        z.object({
          priceDimensions: z.record(
            z.string(),
            z.object({
              beginRange: z.string().optional(),
              pricePerUnit: z.looseObject({ USD: z.string().optional() }),
            }),
          ),
        }),
      ),
    ),
  }),
});

/** Offers and usage types in us-east-1: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html */
const OFFERED: readonly (readonly [offer: string, usageType: string, name: string])[] = [
  ['AmazonECS', 'USE1-Fargate-vCPU-Hours:perCPU', 'fargateVcpuHourX86'],
  ['AmazonECS', 'USE1-Fargate-GB-Hours', 'fargateGbHourX86'],
  ['AmazonECS', 'USE1-Fargate-ARM-vCPU-Hours:perCPU', 'fargateVcpuHourArm'],
  ['AmazonECS', 'USE1-Fargate-ARM-GB-Hours', 'fargateGbHourArm'],
  ['AmazonECS', 'USE1-Fargate-EphemeralStorage-GB-Hours', 'fargateDiskGbHour'],
  ['AmazonCloudWatch', 'CW:MetricMonitorUsage', 'customMetricMonth'],
  ['AmazonCloudWatch', 'CW:AlarmMonitorUsage', 'alarmMonth'],
  ['AmazonECR', 'TimedStorage-ByteHrs', 'imageGbMonth'],
];

export interface PublishedOptions {
  /** Version of the agent whose archives are looked up. */
  readonly agentVersion: string;
  readonly signal: AbortSignal;
}

export async function publishedFacts({ agentVersion, signal }: PublishedOptions): Promise<Published> {
  const answered = async <K extends keyof Published>(
    name: K,
    read: () => Promise<Published[K]>,
  ): Promise<Published> => {
    try {
      return { [name]: await read() };
    } catch {
      return {};
    }
  };
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const answer = await request(url, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const facts = await Promise.all([
    answered('releaseBuilds', async () => {
      const { text } = await get(`https://api.releases.hashicorp.com/v1/releases/tfc-agent/${agentVersion}`);
      return release.parse(JSON.parse(text)).builds.map(({ os, arch }) => `${os}_${arch}`);
    }),
    answered('signingKeys', async () => {
      const { text } = await get('https://www.hashicorp.com/.well-known/pgp-key.txt');
      const keys = text.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----/g) ?? [];
      if (keys.length === 0) throw new Error('no key');
      return keys.length;
    }),
    answered('ecrPublicStatus', async () => {
      const { token } = publicToken.parse(JSON.parse((await get('https://public.ecr.aws/token/')).text));
      const manifest = 'https://public.ecr.aws/v2/hashicorp/tfc-agent/manifests/latest';
      return (await get(manifest, { authorization: `Bearer ${token}` })).status;
    }),
    answered('euArchivistResolves', async () => {
      try {
        return (await new Resolver({ timeout: 5_000 }).resolve4('archivist.eu.terraform.io')).length > 0;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOTFOUND') return false;
        throw error;
      }
    }),
    answered('prices', async () => {
      const lists = new Map<string, z.infer<typeof priceList>>();
      for (const offer of new Set(OFFERED.map(([name]) => name))) {
        const { text } = await get(
          `https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/${offer}/current/us-east-1/index.json`,
        );
        lists.set(offer, priceList.parse(JSON.parse(text)));
      }
      const prices = OFFERED.flatMap(([offer, usageType, name]) => {
        const usd = firstPrice(lists.get(offer), usageType);
        return usd === undefined ? [] : [[name, usd] as const];
      });
      return Object.fromEntries(prices);
    }),
  ]);
  return Object.assign({}, ...facts);
}

/** The price of the first unit. Many prices fall with the amount. */
export function firstPrice(list: z.infer<typeof priceList> | undefined, usageType: string): number | undefined {
  const skus = Object.entries(list?.products ?? {}).filter(([, { attributes }]) => attributes.usagetype === usageType);
  const dimensions = skus
    .flatMap(([sku]) => Object.values(list?.terms.OnDemand[sku] ?? {}))
    .flatMap(({ priceDimensions }) => Object.values(priceDimensions));
  const paid = dimensions.filter(({ pricePerUnit: { USD = '0' } }) => Number(USD) > 0);
  const [first] = paid.toSorted((a, b) => Number(a.beginRange ?? 0) - Number(b.beginRange ?? 0));
  return first === undefined ? undefined : Number(first.pricePerUnit.USD);
}
