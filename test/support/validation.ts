/** What validation says about a decoded input. */
import { ApiError } from '../../src/protocol/error.ts';
import type { AnyShape } from '../../src/protocol/shape.ts';
import { validate } from '../../src/protocol/validate.ts';
import { type Quotas, quotasOf } from '../../src/quotas.ts';

/** The message of the ValidationException with which `input` is refused; `accepted` when it is not. */
export function validationOf(shape: unknown, input: unknown, quotas: Quotas = quotasOf('relaxed')): string {
  try {
    validate(shape as AnyShape, input as never, { quotas, showsValues: true });
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== 'ValidationException' || error.status !== 400) {
      throw new Error(`It was refused as ${error.code} with status ${error.status}.`);
    }
    return error.message;
  }
}
