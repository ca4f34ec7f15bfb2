/** The property `encryption` of AgentLauncher. */
import type { IKey } from 'aws-cdk-lib/aws-kms';

/** Customer managed keys. Without them, AWS encrypts everything with keys that AWS owns or manages. */
export interface EncryptionOptions {
  /**
   * Key of everything below without its own key.
   *
   * @default - keys that AWS owns or manages
   */
  readonly key?: IKey | undefined;
  /**
   * Key of the imported secrets (`Secret.fromSecretNameV2` and others) that have no `encryptionKey`. The roles that read a secret get
   * the permission to decrypt it. The key can be in another account.
   *
   * @default - `key`
   */
  readonly secretsKey?: IKey | undefined;
  /**
   * Key of the log groups. Its policy must allow CloudWatch Logs to use it; if the app creates the key, it gets the statement.
   *
   * @default - `key`
   */
  readonly logsKey?: IKey | undefined;
  /**
   * Key of the functions' environment variables.
   *
   * @default - `key`
   */
  readonly environmentKey?: IKey | undefined;
  /**
   * Key of the agents' disks: Fargate's ephemeral storage. A multi-Region key isn't possible.
   *
   * @default - `key`
   */
  readonly ephemeralStorageKey?: IKey | undefined;
  /**
   * Key of the queue that invokes the launcher between two scheduled invocations.
   *
   * @default - `key`
   */
  readonly queueKey?: IKey | undefined;
  /**
   * Key of the topic that `alarmEmail` creates. Its policy must allow CloudWatch and EventBridge to use it, or no alarm arrives; if the app
   * creates the key, it gets the statement.
   *
   * @default - `key`
   */
  readonly topicKey?: IKey | undefined;
  /**
   * Key of the repository with the copies of images (`AgentImage.copyOf`, or `copy` of a built image). A change replaces the repository,
   * and the deployment copies the images again.
   *
   * @default - `key`
   */
  readonly imagesKey?: IKey | undefined;
}

/** The key of each use; `undefined` for a key of AWS. */
export interface EncryptionKeys {
  readonly secrets: IKey | undefined;
  readonly logs: IKey | undefined;
  readonly environment: IKey | undefined;
  readonly ephemeralStorage: IKey | undefined;
  readonly queue: IKey | undefined;
  readonly topic: IKey | undefined;
  readonly images: IKey | undefined;
}

export function encryptionKeys(options: EncryptionOptions = {}): EncryptionKeys {
  const { key } = options;
  return {
    secrets: options.secretsKey ?? key,
    logs: options.logsKey ?? key,
    environment: options.environmentKey ?? key,
    ephemeralStorage: options.ephemeralStorageKey ?? key,
    queue: options.queueKey ?? key,
    topic: options.topicKey ?? key,
    images: options.imagesKey ?? key,
  };
}
