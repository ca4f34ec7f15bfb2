/** An error response of AWS's API. `code` becomes `__type`, and `message` becomes the text. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status: 400 for faults of the caller, 500 for faults of the service. */
  readonly status: number;
  /** More members of the response, such as `resourceIds` of `ConflictException`. */
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

/** ECS's `ClientException`: the action isn't possible on this resource. */
export function clientException(message: string): ApiError {
  return new ApiError('ClientException', message);
}

/** ECS returns this code if a rate is exceeded, although its API model doesn't contain it. */
export function throttled(): ApiError {
  return new ApiError('ThrottlingException', 'Rate exceeded');
}
