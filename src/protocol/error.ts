/** Errors that clients see. Anything else that is thrown is a bug, and is answered as InternalFailure. */

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** AWS's name of the error, the `__type` of the answer. */
  readonly code: string;
  readonly status: number;

  /** An empty `message` is left out of the answer. `status` is an HTTP status. */
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The body cannot be read, or a member has the wrong type. */
export const serializationException = (message = '') => new ApiError('SerializationException', message);

/** The service or the operation in X-Amz-Target does not exist. */
export const unknownOperationException = (message = '') => new ApiError('UnknownOperationException', message);

/** A signature that is wrong, or that says too little to be right. */
export const invalidSignature = (message: string) => new ApiError('InvalidSignatureException', message);

/** A fault of the server. The details are in the log, under the request id. */
export const internalFailure = (message = '') => new ApiError('InternalFailure', message, 500);

/** `items` are the failed constraints, already in AWS's words. */
export function validationException(items: readonly string[]): ApiError {
  const count = `${items.length} validation error${items.length === 1 ? '' : 's'} detected`;
  return new ApiError('ValidationException', `${count}: ${items.join('; ')}`);
}

/** Codes that every operation may answer with, whether it declares them or not. */
export const COMMON_ERRORS: ReadonlySet<string> = new Set([
  'SerializationException',
  'UnknownOperationException',
  'ValidationException',
  'InternalFailure',
  'ThrottlingException',
  'AccessDeniedException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'RequestEntityTooLargeException',
]);

/** The text of one failed constraint. `shown` is the value with its quotes, or empty where AWS leaves it out. */
export function constraintItem(shown: string, path: string, constraint: string): string {
  return `Value ${shown === '' ? '' : `${shown} `}at '${path}' failed to satisfy constraint: ${constraint}`;
}

const SHOWN_MAX = 4096;

/** Values in messages are cut at 4,096 characters, so that an answer cannot be as large as the worst request. */
export const abbreviated = (text: string) => (text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`);
