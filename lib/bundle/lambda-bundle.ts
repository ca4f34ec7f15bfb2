import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { AssetHashType } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { PACKAGE_ROOT } from '../package-root.ts';

/** Environment variables that a function with a {@link lambdaBundle} needs. */
export const BUNDLE_ENVIRONMENT = { NODE_OPTIONS: '--enable-source-maps' } as const;

const CA_CERTIFICATES_FILE = 'ca-certificates.pem';

/**
 * Environment variables of a function whose code contains certificates: Node then trusts them in addition to the public ones, in every
 * connection. AWS recommends this variable with a file in the function's package:
 * https://aws.amazon.com/blogs/compute/node-js-20-x-runtime-now-available-in-aws-lambda/
 */
export function caCertificatesEnvironment(caCertificates: string | undefined): Record<string, string> {
  return caCertificates === undefined ? {} : { NODE_EXTRA_CA_CERTS: `/var/task/${CA_CERTIFICATES_FILE}` };
}

/**
 * Bundles `functions/<name>/handler.ts` into one minified ES module (`index.mjs`), with a source map and the licences of its
 * packages. The bundle includes the AWS SDK, so that the tested code is the code that runs.
 *
 * The built package contains the bundle, so an app that uses the construct needs neither esbuild nor the function's dependencies.
 * In a clone, esbuild creates the bundle during synthesis, without Docker or network. Both bundles are identical, and so are
 * their asset hashes.
 *
 * @param caCertificates certificates in PEM, which become a file next to the code. The function needs {@link caCertificatesEnvironment}.
 */
export function lambdaBundle(name: string, caCertificates?: string): lambda.Code {
  const finished = join(PACKAGE_ROOT, 'bundles', name);
  const isFinished = existsSync(finished);
  if (isFinished && caCertificates === undefined) return lambda.Code.fromAsset(finished);
  return lambda.Code.fromAsset(isFinished ? finished : join(PACKAGE_ROOT, 'functions', name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: lambda.Runtime.NODEJS_24_X.bundlingImage,
      // The CDK compares these options to find a bundle that it has created already. It doesn't see what `tryBundle` does.
      ...(caCertificates !== undefined && {
        environment: { CA_CERTIFICATES: createHash('sha256').update(caCertificates).digest('hex') },
      }),
      local: {
        tryBundle: (outputFolder) => {
          if (isFinished) cpSync(finished, outputFolder, { recursive: true });
          else writeBundle(name, outputFolder);
          if (caCertificates !== undefined) writeFileSync(join(outputFolder, CA_CERTIFICATES_FILE), caCertificates);
          return true;
        },
      },
    },
  });
}

/**
 * Bundles the function in `functions/<name>` into a folder. The CDK needs the bundle at once, but esbuild's plugins only work in its asynchronous
 * build. So the build runs in a separate process.
 */
export function writeBundle(name: string, outputFolder: string): void {
  const script = join(import.meta.dirname, `bundle-process${extname(import.meta.filename)}`);
  execFileSync(process.execPath, [script, name, outputFolder], { stdio: ['ignore', 'inherit', 'inherit'] });
}
