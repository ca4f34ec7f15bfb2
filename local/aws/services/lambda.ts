/** AWS Lambda: the functions that are deployed. https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html */
import { createHash, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import { PayloadAnswer, type RestService } from '../rest-protocol.ts';
import { jsonObject } from '../wire.ts';

export interface FunctionInput {
  readonly name: string;
  /** Its variables, without those that Lambda sets itself. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly logGroup: string;
  readonly description?: string;
  /** Default: `nodejs24.x`. */
  readonly runtime?: string;
  /** With 0, Lambda runs no invocation. Default: nothing is reserved. https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html */
  readonly reservedConcurrency?: number;
}

/** Runs the function with an event. @returns the error that the handler threw, if there was one */
export type Invoker = (event: object) => Promise<string | undefined>;

export interface MappingInput {
  readonly functionName: string;
  readonly eventSourceArn: string;
  readonly batchSize: number;
  readonly maximumConcurrency?: number;
}

interface Mapping extends MappingInput {
  readonly uuid: string;
  readonly modifiedAt: Date;
  readonly enabled: boolean;
  /** Whether it was changed since it was created. */
  readonly changed: boolean;
}

/** Default of {@link Functions.transitionMs}. */
const TRANSITION_MS = 20;

interface DeployedFunction extends FunctionInput {
  readonly revisionId: string;
  readonly modifiedAt: number;
}

const named = z.object({
  FunctionName: z.string().min(1).max(170),
  Qualifier: z.string().min(1).max(128).optional(),
});

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html#API_GetFunctionConfiguration_RequestParameters */
const FUNCTION_NAME =
  /^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:[a-z]{2}(?:-gov)?-[a-z]+-\d:)?(?:\d{12}:)?(?:function:)?(?<name>[a-zA-Z0-9-_.]+)(?::(?<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?$/;

const invokeRequest = named.extend({
  InvocationType: z.enum(['Event', 'RequestResponse', 'DryRun']).default('RequestResponse'),
  Payload: z.instanceof(Buffer),
});
const listMappings = z.object({
  FunctionName: z.string().min(1).max(256).optional(),
  EventSourceArn: z.string().optional(),
  Marker: z.string().optional(),
  MaxItems: z.coerce.number().int().min(1).max(10_000).default(100),
});

const updateMapping = z.object({ UUID: z.string().min(1), Enabled: z.boolean().optional() });
const reservation = z.object({ ReservedConcurrentExecutions: z.int().min(0) });

/** Limits of an account: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const CODE_LIMITS = { TotalCodeSize: 80_530_636_800, CodeSizeUnzipped: 262_144_000, CodeSizeZipped: 52_428_800 };
const DEFAULT_CONCURRENCY = 1_000;

const qualifier = { Qualifier: 'Qualifier' } as const;

export class Functions {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #functions = new Map<string, DeployedFunction>();
  readonly #invokers = new Map<string, Invoker>();
  readonly #listeners = new Set<(functionName: string) => void>();
  #mappings: Mapping[] = [];
  /** The account's limit of concurrent executions. New accounts may have a lower one than the default, 1000. */
  concurrentExecutions = DEFAULT_CONCURRENCY;
  /** How long an event source mapping is `Enabling` or `Disabling` after a change, in milliseconds. AWS doesn't document it. */
  transitionMs = TRANSITION_MS;

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  readonly service: RestService = {
    protocol: 'rest',
    errorMembers: { Type: 'User' },
    routes: [
      { method: 'GET', path: '/2015-03-31/functions/:FunctionName', action: 'GetFunction', query: { ...qualifier } },
      {
        method: 'GET',
        path: '/2015-03-31/functions/:FunctionName/configuration',
        action: 'GetFunctionConfiguration',
        query: { ...qualifier },
      },
      {
        method: 'POST',
        path: '/2015-03-31/functions/:FunctionName/invocations',
        action: 'Invoke',
        query: { ...qualifier },
        headers: { 'x-amz-invocation-type': 'InvocationType' },
        payload: 'Payload',
      },
      {
        method: 'GET',
        path: '/2015-03-31/event-source-mappings',
        action: 'ListEventSourceMappings',
        query: {
          FunctionName: 'FunctionName',
          EventSourceArn: 'EventSourceArn',
          Marker: 'Marker',
          MaxItems: 'MaxItems',
        },
      },
      { method: 'PUT', path: '/2015-03-31/event-source-mappings/:UUID', action: 'UpdateEventSourceMapping' },
      { method: 'GET', path: '/2019-09-30/functions/:FunctionName/concurrency', action: 'GetFunctionConcurrency' },
      { method: 'PUT', path: '/2017-10-31/functions/:FunctionName/concurrency', action: 'PutFunctionConcurrency' },
      {
        method: 'DELETE',
        path: '/2017-10-31/functions/:FunctionName/concurrency',
        action: 'DeleteFunctionConcurrency',
      },
      { method: 'GET', path: '/2016-08-19/account-settings', action: 'GetAccountSettings' },
    ],
    actions: {
      GetFunction: (input) => ({
        Configuration: this.#configuration(this.#existing(input)),
        Code: { RepositoryType: 'S3', Location: 'https://localhost/not-stored' },
        Tags: {},
      }),
      GetFunctionConfiguration: (input) => this.#configuration(this.#existing(input)),
      Invoke: (input) => this.#invoke(input),
      ListEventSourceMappings: (input) => this.#listMappings(input),
      UpdateEventSourceMapping: (input) => this.#updateMapping(input),
      GetFunctionConcurrency: (input) => ({ ReservedConcurrentExecutions: this.#existing(input).reservedConcurrency }),
      PutFunctionConcurrency: (input) => this.#reserve(input),
      DeleteFunctionConcurrency: (input) => {
        this.release(this.#existing(input).name);
        return {};
      },
      GetAccountSettings: () => ({
        AccountLimit: {
          ...CODE_LIMITS,
          ConcurrentExecutions: this.concurrentExecutions,
          UnreservedConcurrentExecutions: this.concurrentExecutions - this.#reserved(),
        },
        AccountUsage: { TotalCodeSize: 0, FunctionCount: this.#functions.size },
      }),
    },
  };

  /** Creates the function, or changes it. @returns its ARN */
  put(input: FunctionInput): string {
    this.#functions.set(input.name, { ...input, revisionId: randomUUID(), modifiedAt: this.#now() });
    this.#changed(input.name);
    return this.#arn(input.name);
  }

  delete(name: string): void {
    this.#functions.delete(name);
  }

  /** Sets what runs the function. Until then, Invoke is refused. */
  setInvoker(name: string, invoker: Invoker): void {
    this.#invokers.set(name, invoker);
  }

  /** Changes a part of a deployed function. */
  change(name: string, changes: Partial<Omit<FunctionInput, 'name'>>): void {
    this.put({ ...this.#deployed(name), ...changes });
  }

  /** Ends the reservation of concurrency. */
  release(name: string): void {
    const { reservedConcurrency, ...others } = this.#deployed(name);
    this.#functions.set(name, others);
    this.#changed(name);
  }

  /** Calls the listener after every change of a function: of its settings, or of its reserved concurrency. */
  onChange(listener: (functionName: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Whether Lambda refuses every invocation, because the reserved concurrency is 0. */
  isThrottled(name: string): boolean {
    return this.#functions.get(name)?.reservedConcurrency === 0;
  }

  /** Adds an enabled event source mapping. The program that runs the function observes its state, and invokes it. @returns its UUID */
  addMapping(input: MappingInput): string {
    const uuid = randomUUID();
    this.#mappings.push({ ...input, uuid, modifiedAt: new Date(this.#now()), enabled: true, changed: false });
    return uuid;
  }

  /** Whether an enabled event source mapping connects the queue with the function. */
  isMapped(functionName: string, eventSourceArn: string): boolean {
    return this.#mappings.some(
      (one) => one.functionName === functionName && one.eventSourceArn === eventSourceArn && one.enabled,
    );
  }

  /** Whether each event source mapping of the function is enabled. */
  mappingsEnabled(functionName: string): boolean[] {
    return this.#mappings.filter((one) => one.functionName === functionName).map(({ enabled }) => enabled);
  }

  #changed(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }

  /** The part of {@link concurrentExecutions} that functions have reserved. */
  #reserved(): number {
    return [...this.#functions.values()].reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
  }

  #deployed(name: string): DeployedFunction {
    const deployed = this.#functions.get(name);
    if (deployed === undefined) throw new Error(`There is no function ${name}.`);
    return deployed;
  }

  #arn(name: string): string {
    return arnOf('lambda', this.#place, `function:${name}`);
  }

  /** @throws ApiError if there is no such function, or if the qualifier isn't `$LATEST` */
  #existing(input: unknown): DeployedFunction {
    const { FunctionName, Qualifier } = validate(named, input, 'ValidationException');
    const parts = FUNCTION_NAME.exec(FunctionName)?.groups;
    if (parts === undefined) {
      throw new ApiError(
        'ValidationException',
        `1 validation error detected: Value '${FunctionName}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?`,
      );
    }
    const name = parts['name'] ?? '';
    const version = Qualifier ?? parts['qualifier'] ?? '$LATEST';
    const found = this.#functions.get(name);
    if (found !== undefined && version === '$LATEST') return found;
    const suffix = version === '$LATEST' ? '' : `:${version}`;
    throw new ApiError('ResourceNotFoundException', `Function not found: ${this.#arn(name)}${suffix}`, 404);
  }

  /** https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html */
  #reserve(input: unknown): object {
    const its = this.#existing(input);
    const { ReservedConcurrentExecutions } = validate(reservation, input, 'ValidationException');
    this.#functions.set(its.name, { ...its, reservedConcurrency: ReservedConcurrentExecutions });
    this.#changed(its.name);
    return { ReservedConcurrentExecutions };
  }

  /** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html */
  #updateMapping(input: unknown): object {
    const { UUID, Enabled } = validate(updateMapping, input, 'ValidationException');
    const known = this.#mappings.find(({ uuid }) => uuid === UUID);
    if (known === undefined) {
      throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.', 404);
    }
    if (this.#changes(known)) {
      // AWS documents the error, but not its text.
      throw new ApiError('ResourceInUseException', 'The event source mapping is being updated.');
    }
    const mapping = { ...known, enabled: Enabled ?? known.enabled, modifiedAt: new Date(this.#now()), changed: true };
    this.#mappings = this.#mappings.map((one) => (one === known ? mapping : one));
    return this.#mappingDocument(mapping);
  }

  #changes({ modifiedAt, changed }: Mapping): boolean {
    return changed && this.#now() - modifiedAt.getTime() < this.transitionMs;
  }

  /** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
  async #invoke(input: unknown): Promise<object> {
    const { InvocationType, Payload } = validate(invokeRequest, input, 'ValidationException');
    const { name } = this.#existing(input);
    const text = Payload.toString('utf8');
    const event = jsonObject(text);
    if (event === undefined) {
      throw new ApiError(
        'InvalidRequestContentException',
        'Could not parse request body into json: the event is not an object.',
      );
    }
    if (this.isThrottled(name)) {
      const reason = { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' };
      throw new ApiError('TooManyRequestsException', 'Rate Exceeded.', 429, reason);
    }
    const invoker = this.#invokers.get(name);
    if (invoker === undefined) {
      throw new ApiError(
        'ResourceConflictException',
        'The operation cannot be performed at this time. The function is currently in the following state: Pending',
        409,
      );
    }
    if (InvocationType === 'DryRun') return new PayloadAnswer({ status: 204, body: '', headers: {} });
    if (InvocationType === 'Event') {
      void invoker(event);
      return new PayloadAnswer({ status: 202, body: '', headers: {} });
    }
    const error = await invoker(event);
    const version = { 'x-amz-executed-version': '$LATEST' };
    if (error === undefined) return new PayloadAnswer({ status: 200, body: 'null', headers: version });
    return new PayloadAnswer({
      status: 200,
      body: JSON.stringify({ errorType: 'Error', errorMessage: error, trace: [] }),
      headers: { ...version, 'x-amz-function-error': 'Unhandled' },
    });
  }

  #listMappings(input: unknown): object {
    const { FunctionName, EventSourceArn, Marker, MaxItems } = validate(listMappings, input, 'ValidationException');
    const wanted = FunctionName === undefined ? undefined : this.#existing({ FunctionName }).name;
    const found = this.#mappings.filter(
      ({ functionName, eventSourceArn }) =>
        (wanted === undefined || functionName === wanted) &&
        (EventSourceArn === undefined || eventSourceArn === EventSourceArn),
    );
    const invalid = () => new ApiError('InvalidParameterValueException', 'Invalid Marker');
    const page = pageOf(found, ({ uuid }) => uuid, { token: Marker, size: MaxItems }, invalid);
    return {
      EventSourceMappings: page.items.map((mapping) => this.#mappingDocument(mapping)),
      ...(page.next !== undefined && { NextMarker: page.next }),
    };
  }

  #mappingDocument(mapping: Mapping): object {
    const { uuid, eventSourceArn, functionName, batchSize, maximumConcurrency, modifiedAt, enabled } = mapping;
    const [during, after] = enabled ? ['Enabling', 'Enabled'] : ['Disabling', 'Disabled'];
    return {
      UUID: uuid,
      BatchSize: batchSize,
      MaximumBatchingWindowInSeconds: 0,
      EventSourceArn: eventSourceArn,
      FunctionArn: this.#arn(functionName),
      LastModified: modifiedAt,
      State: this.#changes(mapping) ? during : after,
      StateTransitionReason: 'USER_INITIATED',
      ...(maximumConcurrency !== undefined && { ScalingConfig: { MaximumConcurrency: maximumConcurrency } }),
    };
  }

  #configuration(its: DeployedFunction): object {
    return {
      FunctionName: its.name,
      FunctionArn: this.#arn(its.name),
      Runtime: its.runtime ?? 'nodejs24.x',
      Role: `arn:aws:iam::${this.#place.accountId}:role/${its.name}`,
      Handler: 'index.handler',
      CodeSize: 0,
      Description: its.description ?? '',
      Timeout: its.timeoutSeconds,
      MemorySize: its.memoryMiB,
      LastModified: new Date(its.modifiedAt).toISOString().replace('Z', '+0000'),
      CodeSha256: createHash('sha256').update(its.revisionId).digest('base64'),
      Version: '$LATEST',
      Environment: { Variables: its.environment },
      TracingConfig: { Mode: 'PassThrough' },
      RevisionId: its.revisionId,
      State: 'Active',
      LastUpdateStatus: 'Successful',
      PackageType: 'Zip',
      Architectures: ['arm64'],
      EphemeralStorage: { Size: 512 },
      SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
      LoggingConfig: {
        LogFormat: 'JSON',
        ApplicationLogLevel: 'INFO',
        SystemLogLevel: 'INFO',
        LogGroup: its.logGroup,
      },
    };
  }
}
