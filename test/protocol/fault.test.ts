/** Faults inside the server: answered without details, logged with all of them, under the id that the client sees. */
import { describe, expect, it } from 'vitest';
import { WriteUnavailable } from '../../src/database/writer.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { operation } from '../../src/protocol/operation.ts';
import { structure } from '../../src/protocol/shape.ts';
import { createTestGateway } from '../support/gateway.ts';

const input = structure({});

/** An operation that throws `thrown`. */
const throwing = (thrown: unknown, access: 'read' | 'write' = 'read') =>
  operation({
    access,
    input,
    errors: ['DeclaredException'],
    run() {
      throw thrown;
    },
  });

const BUG = new TypeError('secret of row 7');

describe('a bug in an operation', () => {
  it.each([
    ['thrown by a read', { Broken: throwing(BUG) }, BUG],
    ['thrown by a write', { Broken: throwing(BUG, 'write') }, BUG],
    ['thrown as a text', { Broken: throwing('secret of row 7') }, 'secret of row 7'],
    ['thrown as null', { Broken: throwing(null) }, null],
    ['thrown as undefined', { Broken: throwing(undefined) }, undefined],
  ])('%s is an InternalFailure without details, and is logged', async (_title, operations, thrown) => {
    const { ask, log } = createTestGateway(operations);
    const { status, headers, body } = await ask('Broken');
    expect([status, body]).toEqual([500, '{"__type":"InternalFailure"}']);
    expect(headers['x-amzn-ErrorType']).toBe('InternalFailure');
    expect(JSON.stringify(headers)).not.toContain('secret');
    expect(log.take('error')).toEqual([
      {
        level: 'error',
        message: 'A request failed inside the server.',
        fields: { err: thrown, target: 'Test.Broken', requestId: headers['x-amzn-RequestId'] },
      },
    ]);
  });

  it('is noticed too when the output cannot be written', async () => {
    const circular: Record<string, unknown> = {};
    circular.Self = circular;
    const { ask, log } = createTestGateway({
      Broken: operation({ access: 'read', input, errors: [], run: () => circular as never }),
    });
    const { status, body } = await ask('Broken');
    expect([status, body]).toEqual([500, '{"__type":"InternalFailure"}']);
    expect(log.take('error')).toHaveLength(1);
  });

  it('does not keep the next request from being answered', async () => {
    const { ask } = createTestGateway({
      Broken: throwing(BUG),
      Good: operation({ access: 'read', input, errors: [], run: () => ({ A: 1 }) }),
    });
    await ask('Broken');
    expect(await ask('Good')).toMatchObject({ status: 200, body: '{"A":1}' });
  });
});

describe('an error of the API', () => {
  it('that the operation declares is answered and not logged', async () => {
    const { ask, log } = createTestGateway({ Known: throwing(new ApiError('DeclaredException', 'No.')) });
    const { status, body } = await ask('Known');
    expect([status, body]).toEqual([400, '{"__type":"DeclaredException","message":"No."}']);
    expect(log.entries.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('that the operation does not declare is answered and logged, so that a test notices', async () => {
    const { ask, log } = createTestGateway({ Odd: throwing(new ApiError('OtherException', 'No.')) });
    const { status, body, headers } = await ask('Odd');
    expect([status, body]).toEqual([400, '{"__type":"OtherException","message":"No."}']);
    expect(log.take('error').map(({ fields }) => fields)).toEqual([
      { target: 'Test.Odd', code: 'OtherException', requestId: headers['x-amzn-RequestId'] },
    ]);
  });

  it.each(['SerializationException', 'ValidationException', 'InternalFailure'])(
    '%s may come from every operation without being declared',
    async (code) => {
      const { ask, log } = createTestGateway({ Common: throwing(new ApiError(code, 'No.')) });
      expect(JSON.parse(String((await ask('Common')).body)).__type).toBe(code);
      expect(log.take('error')).toEqual([]);
    },
  );

  it('has no message when there is none to give', async () => {
    const { ask } = createTestGateway({ Quiet: throwing(new ApiError('DeclaredException', '', 500)) });
    expect(await ask('Quiet')).toMatchObject({ status: 500, body: '{"__type":"DeclaredException"}' });
  });
});

describe('a write that the database could not take', () => {
  it('is an InternalFailure that says so, because the request may be tried again', async () => {
    const { ask, log } = createTestGateway({ Put: throwing(new WriteUnavailable('The disk is full.'), 'write') });
    const { status, body } = await ask('Put');
    expect([status, body]).toEqual([500, '{"__type":"InternalFailure","message":"The disk is full."}']);
    expect(log.take('error'), 'it is logged where it is found').toHaveLength(0);
    expect(log.take('debug').some(({ message }) => message === 'A request failed inside the server.')).toBe(true);
  });
});
