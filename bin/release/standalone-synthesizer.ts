/**
 * Synthesizes a template that needs no CDK bootstrap: the functions' code is in a bucket that two parameters of the template
 * set, and the stack has neither a bootstrap version nor roles of the CDK.
 */
import { basename } from 'node:path';
import {
  CfnParameter,
  type DockerImageAssetLocation,
  type DockerImageAssetSource,
  type FileAssetLocation,
  type FileAssetSource,
  Fn,
  type ISynthesisSession,
  type Stack,
  StackSynthesizer,
} from 'aws-cdk-lib';

/** Names of the parameters with the place of the functions' code. */
export const CODE_BUCKET = 'CodeBucket';
export const CODE_PREFIX = 'CodePrefix';

/** Properties of the two parameters, as in a template. */
export const CODE_PARAMETERS = {
  [CODE_BUCKET]: {
    Type: 'String',
    Description: "S3 bucket with the functions' ZIP files. Lambda requires a bucket in the region of the stack.",
    AllowedPattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
    ConstraintDescription: 'the name of a bucket in the region of the stack, without s3://',
  },
  [CODE_PREFIX]: {
    Type: 'String',
    Description: 'Folder of the ZIP files in the bucket, with a slash at the end. Empty if they are not in a folder.',
    Default: '',
    AllowedPattern: '^(?:[A-Za-z0-9!_.*()/-]*/)?$',
    ConstraintDescription: 'empty, or a key prefix that ends with a slash, such as agent-launcher/0.1.0/',
  },
} as const;

/** Docker has to build an image of the settings, but nothing runs Docker without the CDK. */
export class NeedsDockerError extends Error {
  override readonly name = 'NeedsDockerError';
}

export class StandaloneSynthesizer extends StackSynthesizer {
  private readonly keyOf: (name: string) => string;
  private parameters: Readonly<Record<'bucket' | 'prefix', string>> | undefined;

  /** @param keyOf key of a function's ZIP file below the prefix, by the name of the function's folder */
  constructor(keyOf: (name: string) => string) {
    super();
    this.keyOf = keyOf;
  }

  override bind(stack: Stack): void {
    super.bind(stack);
    const parameter = (id: keyof typeof CODE_PARAMETERS): string => {
      const { Type: type, Description: description, AllowedPattern: allowedPattern, ...more } = CODE_PARAMETERS[id];
      return new CfnParameter(stack, id, {
        type,
        description,
        allowedPattern,
        constraintDescription: more.ConstraintDescription,
        ...('Default' in more && { default: more.Default }),
      }).valueAsString;
    };
    this.parameters = { bucket: parameter(CODE_BUCKET), prefix: parameter(CODE_PREFIX) };
  }

  override addFileAsset({ fileName = '' }: FileAssetSource): FileAssetLocation {
    const { bucket = '', prefix = '' } = this.parameters ?? {};
    const objectKey = Fn.join('', [prefix, this.keyOf(basename(fileName))]);
    const path = Fn.join('', [bucket, '/', objectKey]);
    return { bucketName: bucket, objectKey, httpUrl: `https://s3/${path}`, s3ObjectUrl: `s3://${path}` };
  }

  override addDockerImageAsset(_: DockerImageAssetSource): DockerImageAssetLocation {
    throw new NeedsDockerError(
      'The settings request an image that Docker builds, and a template alone can’t build one. Set agentImage.registry to an image of a registry, such as hashicorp/tfc-agent:1.33.0, preferably by digest.',
    );
  }

  override synthesize(session: ISynthesisSession): void {
    this.synthesizeTemplate(session);
    this.emitArtifact(session, {});
  }
}
