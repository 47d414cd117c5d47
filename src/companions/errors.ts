/** The errors of PutMetricData with the texts of CloudWatch. Parameters are named as in AWS Query, whatever the wire form. */
import { ApiError, abbreviated } from '../protocol/error.ts';

const MISSING = 'MissingRequiredParameterException';
const INVALID = 'InvalidParameterValueException';
const COMBINATION = 'InvalidParameterCombinationException';

/** Their names in AWS Query. */
export const ERROR_CODES: ReadonlyMap<string, string> = new Map([
  [MISSING, 'MissingParameter'],
  [INVALID, 'InvalidParameterValue'],
  [COMBINATION, 'InvalidParameterCombination'],
]);

export const PUT_ERRORS: readonly string[] = [...ERROR_CODES.keys()];

export const missing = (parameter: string) => new ApiError(MISSING, `The parameter ${parameter} is required.`);

export const noneOf = (parameters: readonly string[]) =>
  new ApiError(MISSING, `At least one of the parameters ${parameters.join(', ')} must be specified.`);

export const exclusive = (one: string, other: string) =>
  new ApiError(COMBINATION, `The parameters ${one} and ${other} are mutually exclusive and you have specified both.`);

export const notOfSameSize = (one: string, other: string) =>
  new ApiError(INVALID, `The parameters ${one} and ${other} must be of the same size.`);

export const invalidValue = (value: string | number, parameter: string) =>
  new ApiError(INVALID, `The value ${abbreviated(String(value))} for parameter ${parameter} is invalid.`);

/** `rule` goes on after the parameter, for example `must be 1 or 60`. */
export const breaksRule = (parameter: string, rule: string) =>
  new ApiError(INVALID, `The parameter ${parameter} ${rule}.`);

export const tooMany = (collection: string, max: number) =>
  new ApiError(INVALID, `The collection ${collection} must not have a size greater than ${max}.`);
