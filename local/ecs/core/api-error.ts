/** An error as the vendor's API answers it: `code` becomes `__type`, `message` its text. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status: 400 for the caller's faults, 500 for the service's. */
  readonly status: number;
  /** Further members of the modelled exception, such as `resourceIds` of `ConflictException`. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

export function invalidParameter(message: string): ApiError {
  return new ApiError('InvalidParameterException', message);
}

/** ECS's `ClientException`: the action can't be done on this resource. */
export function clientException(message: string): ApiError {
  return new ApiError('ClientException', message);
}

/** Not modelled, but the code that ECS answers with when a rate is exceeded. */
export function throttled(): ApiError {
  return new ApiError('ThrottlingException', 'Rate exceeded');
}
