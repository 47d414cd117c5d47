/** Policies of streams and consumers: kept as they were put, shown, and gone with the resource. */
import { describe, expect, it } from 'vitest';
import { databaseRows } from '../support/database-rows.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const UNDER = 'under account 000000000000';
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const STATEMENT = { Effect: 'Allow', Principal: { AWS: '*' }, Action: ['kinesis:PutRecord'], Resource: ARN };
const policy = (...statements: unknown[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2);

async function startWithStream(): Promise<TestServer> {
  const server = await startTestServer();
  await server.createStream('s');
  return server;
}

const put = (server: TestServer, ResourceARN: string, Policy = policy(STATEMENT)) =>
  server.call('PutResourcePolicy', { ResourceARN, Policy });
const get = async (server: TestServer, ResourceARN: string) =>
  (await server.call('GetResourcePolicy', { ResourceARN })).body;
const remove = (server: TestServer, ResourceARN: string) => server.call('DeleteResourcePolicy', { ResourceARN });

describe('the policy of a resource', () => {
  it('is shown exactly as it was put, replaced by the next, and {} when there is none', async () => {
    const server = await startWithStream();
    expect(await get(server, ARN)).toEqual({ Policy: '{}' });
    const answer = await put(server, ARN);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(await get(server, ARN)).toEqual({ Policy: policy(STATEMENT) });
    const next = ` ${policy({ ...STATEMENT, Effect: 'Deny' }, { Effect: 'Allow', NotPrincipal: '*', NotAction: 'ß' })}\n`;
    expect((await put(server, ARN, next)).status).toBe(200);
    await server.restart();
    expect(await get(server, ARN)).toEqual({ Policy: next });
    const removed = await remove(server, ARN);
    expect([removed.status, removed.text]).toEqual([200, '']);
    expect(await get(server, ARN)).toEqual({ Policy: '{}' });
    expect((await remove(server, ARN)).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `No resource policy found for resource ARN ${ARN}`,
    });
  });

  it('belongs to one stream or consumer', async () => {
    const server = await startWithStream();
    await server.createStream('t');
    const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
    server.clock.advance(500);
    await put(server, ARN);
    await put(server, Consumer.ConsumerARN, policy(STATEMENT, STATEMENT));
    expect(await get(server, ARN)).toEqual({ Policy: policy(STATEMENT) });
    expect(await get(server, Consumer.ConsumerARN)).toEqual({ Policy: policy(STATEMENT, STATEMENT) });
    expect(await get(server, ARN.replace('/s', '/t'))).toEqual({ Policy: '{}' });
    await remove(server, ARN);
    expect(await get(server, Consumer.ConsumerARN)).toEqual({ Policy: policy(STATEMENT, STATEMENT) });
  });

  it('of a consumer can be touched while that is ACTIVE only, and goes with it', async () => {
    const server = await startWithStream();
    const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
    const arn = Consumer.ConsumerARN;
    const inactive = {
      __type: 'ResourceInUseException',
      message:
        `Consumer c with creation timestamp ${Consumer.ConsumerCreationTimestamp} under stream s and account ` +
        '000000000000 is not in ACTIVE status.',
    };
    const expectInactive = async () => {
      expect((await put(server, arn)).body).toEqual(inactive);
      expect((await put(server, arn, 'no policy')).body, 'the state comes first').toEqual(inactive);
      expect(await get(server, arn)).toEqual(inactive);
      expect((await remove(server, arn)).body).toEqual(inactive);
    };
    await expectInactive();
    server.clock.advance(500);
    await put(server, arn);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN: arn });
    await expectInactive();
    expect(databaseRows(server.directory).resource_policies).toEqual([]);
    server.clock.advance(500);
    expect(await get(server, arn)).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Consumer ${arn}, account 000000000000 not found.`,
    });
  });

  it('of a stream is gone when that is being deleted, and cannot be put again', async () => {
    const server = await startWithStream();
    await put(server, ARN);
    await server.ok('DeleteStream', { StreamName: 's' });
    expect(await get(server, ARN)).toEqual({ Policy: '{}' });
    expect((await put(server, ARN)).body).toEqual({
      __type: 'ResourceInUseException',
      message: `Stream s ${UNDER} not ACTIVE or UPDATING, instead in state DELETING`,
    });
    server.clock.advance(500);
    const notFound = { __type: 'ResourceNotFoundException', message: `Stream s ${UNDER} not found.` };
    expect((await put(server, ARN, 'no policy')).body).toEqual(notFound);
    expect(await get(server, ARN)).toEqual(notFound);
    expect((await remove(server, ARN)).body).toEqual(notFound);
  });
});

describe('a policy', () => {
  const FLAWED = [
    ['', 'is not a JSON object'],
    ['{', 'is not a JSON object'],
    ['[]', 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    ['"text"', 'is not a JSON object'],
    ['{}', 'has no Statement'],
    [policy(), 'has no Statement'],
    [policy('text'), 'has a Statement 1 that is not an object'],
    [policy(STATEMENT, null), 'has a Statement 2 that is not an object'],
    [policy({ ...STATEMENT, Effect: 'allow' }), 'has a Statement 1 whose Effect is neither Allow nor Deny'],
    [policy({ ...STATEMENT, Principal: undefined }), 'has a Statement 1 without a Principal'],
    [policy(STATEMENT, { ...STATEMENT, Action: undefined }), 'has a Statement 2 without an Action'],
    [policy({ ...STATEMENT, Sid: 'x'.repeat(20_480) }), 'is longer than 20480 characters'],
  ] as const;

  it('that is none by its structure is refused, which says why and leaves the former one', async () => {
    const server = await startWithStream();
    await put(server, ARN);
    for (const [text, flaw] of FLAWED) {
      const { body } = await put(server, ARN, text);
      const message = `The policy ${flaw}.`;
      expect(body, text.slice(0, 60)).toEqual({ __type: 'InvalidArgumentException', message });
    }
    expect(await get(server, ARN)).toEqual({ Policy: policy(STATEMENT) });
  });

  it('may have 20,480 characters', async () => {
    const server = await startWithStream();
    const Policy = policy(STATEMENT).padEnd(20_480);
    expect((await put(server, ARN, Policy)).status).toBe(200);
    expect(await get(server, ARN)).toEqual({ Policy });
    expect((await put(server, ARN, `${Policy} `)).body.message).toBe('The policy is longer than 20480 characters.');
  });
});
