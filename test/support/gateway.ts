/** A gateway with operations of the test's own, to see what it does with operations that misbehave. */
import type { Database } from '../../src/database/database.ts';
import { type Authentication, withoutSignatures } from '../../src/protocol/authentication.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { createGateway, type WireRequest, type WireResponse } from '../../src/protocol/gateway.ts';
import { service } from '../../src/protocol/operation.ts';
import { quotasOf } from '../../src/quotas.ts';
import { Rates } from '../../src/rates.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createTestLog, type TestLog } from './log.ts';

export interface TestGateway {
  readonly clock: TestClock;
  readonly log: TestLog;
  /** Sends `input` to the operation `Test.{name}`; `changes` replaces parts of the request. */
  ask(name: string, input?: object, changes?: Partial<WireRequest>): Promise<WireResponse>;
}

const DEFAULTS = { account: '000000000000', region: 'us-east-1' };

/** `operations` by name, made with `operation()`. Writes run at once and without a database. */
export function createTestGateway(
  operations: object,
  authenticate: Authentication = withoutSignatures(DEFAULTS),
): TestGateway {
  const log = createTestLog();
  const clock = createTestClock();
  const database = { write: async (body: () => unknown) => body() } as unknown as Database;
  const quotas = quotasOf('relaxed');
  const world = {
    clock,
    log,
    database,
    quotas,
    rates: new Rates(quotas),
    transitionMs: 500,
    dataDir: '',
  };
  const header = {
    target: 'Test',
    signingName: 'test',
    showsValues: true,
    rateExceeded: () => new ApiError('LimitExceededException', 'Too fast.'),
  };
  const gateway = createGateway([service(header, operations)], world, authenticate);
  return {
    clock,
    log,
    ask: (name, input = {}, changes = {}) =>
      gateway.handle({
        method: 'POST',
        url: '/',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Test.${name}` },
        rawHeaders: [],
        body: Buffer.from(JSON.stringify(input)),
        ...changes,
      }),
  };
}
