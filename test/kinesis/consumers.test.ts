/** Registered consumers: their states, names and ARNs, limits, listing, and what becomes of them with the stream. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openConnection } from '../../src/database/connection.ts';
import { TEST_START_MS } from '../support/clock.ts';
import { databaseRows } from '../support/database-rows.ts';
import { streamIdOf } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const UNDER = 'under account 000000000000';
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const START_S = Math.floor(TEST_START_MS / 1000);

async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.createStream('s');
  return server;
}

const register = async (server: TestServer, ConsumerName = 'c', more: object = {}) =>
  (await server.ok('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName, ...more })).Consumer;

/** Registers a consumer and lets it become ACTIVE. Returns its ARN. */
async function active(server: TestServer, name = 'c', more: object = {}): Promise<string> {
  const { ConsumerARN } = await register(server, name, more);
  server.clock.advance(500);
  return ConsumerARN;
}

const byArn = async (server: TestServer, ConsumerARN: string) =>
  (await server.call('DescribeStreamConsumer', { ConsumerARN })).body;
const byName = async (server: TestServer, ConsumerName = 'c') =>
  (await server.call('DescribeStreamConsumer', { StreamARN: ARN, ConsumerName })).body;
const list = async (server: TestServer, more: object = {}) =>
  server.ok('ListStreamConsumers', { StreamARN: ARN, ...more });
const namesOf = ({ Consumers }: { Consumers: { ConsumerName: string }[] }) =>
  Consumers.map(({ ConsumerName }) => ConsumerName);

const refused = async (server: TestServer, operation: string, input: object) => {
  const { body } = await server.call(operation, input);
  return `${body.__type}: ${body.message}`;
};
const noConsumer = (consumer: string) => ({
  __type: 'ResourceNotFoundException',
  message: `Consumer ${consumer}, account 000000000000 not found.`,
});

describe('a consumer', () => {
  it('is CREATING, then ACTIVE; deregistered it is DELETING, then not found', async () => {
    const server = await startWithStream();
    const registered = await register(server);
    const createdS = START_S + 1;
    const ConsumerARN = `${ARN}/consumer/c:${createdS}`;
    const consumer = { ConsumerName: 'c', ConsumerARN, ConsumerCreationTimestamp: createdS };
    expect(registered).toEqual({ ...consumer, ConsumerStatus: 'CREATING' });
    const expectStatus = async (ConsumerStatus: string) => {
      const expected = { ConsumerDescription: { ...consumer, ConsumerStatus, StreamARN: ARN } };
      expect(await byArn(server, ConsumerARN)).toEqual(expected);
      expect(await byName(server)).toEqual(expected);
      expect(await list(server)).toEqual({ Consumers: [{ ...consumer, ConsumerStatus }] });
    };
    await expectStatus('CREATING');
    server.clock.advance(499);
    await expectStatus('CREATING');
    server.clock.advance(1);
    await expectStatus('ACTIVE');
    const deregistered = await server.call('DeregisterStreamConsumer', { ConsumerARN });
    expect([deregistered.status, deregistered.text]).toEqual([200, '']);
    await expectStatus('DELETING');
    server.clock.advance(499);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    await expectStatus('DELETING');
    server.clock.advance(1);
    expect(await byArn(server, ConsumerARN), 'deregistering again did not put off the end').toEqual(
      noConsumer(ConsumerARN),
    );
    expect(await byName(server)).toEqual(noConsumer('c'));
    expect(await list(server)).toEqual({ Consumers: [] });
    expect((await server.call('DeregisterStreamConsumer', { ConsumerARN })).body).toEqual(noConsumer(ConsumerARN));
  });

  it('can be deregistered while it is CREATING', async () => {
    const server = await startWithStream();
    await register(server);
    await server.ok('DeregisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
    expect((await byName(server)).ConsumerDescription.ConsumerStatus).toBe('DELETING');
  });

  it('is counted by DescribeStreamSummary until it is gone', async () => {
    const server = await startWithStream();
    const count = async () =>
      (await server.ok('DescribeStreamSummary', { StreamName: 's' })).StreamDescriptionSummary.ConsumerCount;
    expect(await count()).toBe(0);
    const ConsumerARN = await active(server);
    await active(server, 'd');
    expect(await count()).toBe(2);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    expect(await count()).toBe(2);
    server.clock.advance(500);
    expect(await count()).toBe(1);
  });

  it('survives a restart in every state', async () => {
    const server = await startWithStream({ TRANSITION_MS: '1000' });
    await active(server, 'a');
    server.clock.advance(500);
    const arn = await active(server, 'b');
    server.clock.advance(500);
    await register(server, 'c');
    await server.ok('DeregisterStreamConsumer', { ConsumerARN: arn });
    const before = await list(server);
    expect(before.Consumers.map(({ ConsumerStatus }: { ConsumerStatus: string }) => ConsumerStatus)).toEqual([
      'ACTIVE',
      'DELETING',
      'CREATING',
    ]);
    await server.restart();
    expect(await list(server)).toEqual(before);
    server.clock.advance(1000);
    expect(namesOf(await list(server))).toEqual(['a', 'c']);
  });

  it('belongs to the stream of its account and region', async () => {
    const server = await startWithStream();
    const elsewhere = { account: '222222222222', region: 'eu-west-1' };
    await server.createStream('s', 1, elsewhere);
    const there = 'arn:aws:kinesis:eu-west-1:222222222222:stream/s';
    await register(server);
    const input = { StreamARN: there, ConsumerName: 'c' };
    expect(await refused(server, 'DescribeStreamConsumer', input)).toBe(
      'ResourceNotFoundException: Consumer c, account 222222222222 not found.',
    );
    const { Consumer } = await server.ok('RegisterStreamConsumer', input, elsewhere);
    expect(Consumer.ConsumerARN).toMatch(`${there}/consumer/c:`);
    await server.ok('DeregisterStreamConsumer', input, elsewhere);
    server.clock.advance(500);
    expect(namesOf(await list(server))).toEqual(['c']);
    expect((await server.ok('ListStreamConsumers', { StreamARN: there })).Consumers).toEqual([]);
  });
});

describe('the ARN of a consumer', () => {
  it('never is that of a former one of the name, within one second, after a restart or with the clock set back', async () => {
    const server = await startWithStream({ TRANSITION_MS: '0' });
    const former: string[] = [];
    for (const step of [0, 0, -3_600_000, 0, 86_400_000]) {
      const { ConsumerARN, ConsumerStatus } = await register(server);
      expect(ConsumerStatus).toBe('ACTIVE');
      for (const arn of former) expect(await byArn(server, arn), `not found by ${arn}`).toEqual(noConsumer(arn));
      expect((await byArn(server, ConsumerARN)).ConsumerDescription.ConsumerARN).toBe(ConsumerARN);
      former.push(ConsumerARN);
      await server.ok('DeregisterStreamConsumer', { ConsumerARN });
      await server.restart();
      server.clock.jump(step);
    }
    expect(new Set(former).size).toBe(former.length);
  });

  it('never is that of a consumer of a former stream, within one second', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    const former: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
      const first = await register(server);
      await server.ok('DeregisterStreamConsumer', { ConsumerARN: first.ConsumerARN });
      const second = await register(server);
      for (const arn of former) expect(await byArn(server, arn)).toEqual(noConsumer(arn));
      former.push(first.ConsumerARN, second.ConsumerARN);
      await server.ok('DeleteStream', { StreamName: 's', EnforceConsumerDeletion: true });
      await server.runJob('sweep');
    }
    expect(new Set(former).size).toBe(6);
  });

  it('keeps the rows of gone consumers a day at most', async () => {
    const server = await startWithStream({ TRANSITION_MS: '0' });
    for (const name of ['a', 'b', 'a', 'b', 'a']) {
      await server.ok('DeregisterStreamConsumer', { ConsumerARN: (await register(server, name)).ConsumerARN });
    }
    expect(databaseRows(server.directory).consumers, 'the newest of each name').toHaveLength(2);
    server.clock.advance(86_400_000);
    await register(server, 'new');
    expect(databaseRows(server.directory).consumers).toHaveLength(1);
  });
});

describe('RegisterStreamConsumer', () => {
  it('refuses a name that is taken, also by one that is being deleted', async () => {
    const server = await startWithStream();
    const exists = `ResourceInUseException: Consumer c under stream s, account 000000000000 already exists.`;
    const again = () => refused(server, 'RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
    const ConsumerARN = await active(server);
    expect(await again()).toBe(exists);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    expect(await again()).toBe(exists);
    server.clock.advance(500);
    await register(server);
    await register(server, 'C');
  });

  it('of one name is done once, however many clients ask at the same time', async () => {
    const server = await startWithStream();
    const input = { StreamARN: ARN, ConsumerName: 'c' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => server.call('RegisterStreamConsumer', input)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(400)]);
  });

  it('needs a stream that is ACTIVE or UPDATING', async () => {
    const server = await startTestServer();
    const attempt = () => refused(server, 'RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
    expect(await attempt()).toBe(`ResourceNotFoundException: Stream s ${UNDER} not found.`);
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 2 });
    const inState = (state: string) =>
      `ResourceInUseException: Stream s ${UNDER} not ACTIVE or UPDATING, instead in state ${state}`;
    expect(await attempt()).toBe(inState('CREATING'));
    server.clock.advance(500);
    await server.ok('MergeShards', {
      StreamName: 's',
      ShardToMerge: 'shardId-000000000000',
      AdjacentShardToMerge: 'shardId-000000000001',
    });
    await register(server, 'd');
    await server.ok('DeleteStream', { StreamName: 's', EnforceConsumerDeletion: true });
    expect(await attempt()).toBe(inState('DELETING'));
  });

  it('takes tags, and registers nothing when they are bad', async () => {
    const server = await startWithStream();
    const ResourceARN = await active(server, 'c', { Tags: { b: '2', a: '1' } });
    expect((await server.ok('ListTagsForResource', { ResourceARN })).Tags).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ]);
    const before = databaseRows(server.directory);
    const attempt = (Tags: object) =>
      refused(server, 'RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'd', Tags });
    expect(await attempt({ 'a;': 'x' })).toMatch(/^InvalidArgumentException: Some tags contain invalid characters/);
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'x']));
    expect(await attempt(many)).toBe(
      `InvalidArgumentException: Failed to add tags to resource ${ARN}/consumer/d:${START_S + 2} because a given ` +
        'resource cannot have more than 50 tags associated with it.',
    );
    expect(databaseRows(server.directory)).toEqual(before);
    expect(namesOf(await list(server)), 'and nothing of it is remembered').toEqual(['c']);
  });

  it('keeps to twenty consumers per stream', async () => {
    const server = await startWithStream({ TRANSITION_MS: '0' });
    for (let index = 0; index < 20; index += 1) await register(server, `c${index}`);
    const full =
      `LimitExceededException: This request would exceed the limit on the number of consumers of stream s ${UNDER}. ` +
      'Current consumer count: 20. Limit: 20.';
    const one = { StreamARN: ARN, ConsumerName: 'more' };
    expect(await refused(server, 'RegisterStreamConsumer', one)).toBe(full);
    expect(await refused(server, 'RegisterStreamConsumer', { ...one, ConsumerName: 'c0' })).toMatch('already exists.');
    await server.ok('DeregisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c7' });
    await register(server, 'more');
  });

  it('allows fifty to an account that is committed to a minimum throughput', async () => {
    const { directory, clock, close } = await startWithStream();
    await close();
    const handle = openConnection(join(directory, 'millrace.db'));
    const commitment = handle.prepare('insert into account_settings values (?, ?, 1, ?, null)');
    commitment.run('000000000000', 'us-east-1', clock.now());
    commitment.run('111111111111', 'eu-west-1', clock.now());
    handle.close();
    const server = await startTestServer({ directory, clock });
    for (let index = 0; index < 50; index += 1) await register(server, `c${index}`);
    expect(await refused(server, 'RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'more' })).toMatch(
      /Current consumer count: 50\. Limit: 50\.$/,
    );
  });

  it('lets five be CREATING at once in an account and region where AWS does', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '1500' } });
    for (const StreamName of ['s', 't']) await server.ok('CreateStream', { StreamName, ShardCount: 1 });
    server.clock.advance(1500);
    for (const name of ['a', 'b', 'c']) await register(server, name);
    server.clock.advance(1000);
    const onT = (name: string) => ({ StreamARN: ARN.replace('/s', '/t'), ConsumerName: name });
    for (const name of ['a', 'b']) await server.ok('RegisterStreamConsumer', onT(name));
    expect(await refused(server, 'RegisterStreamConsumer', onT('c'))).toBe(
      'LimitExceededException: This request would exceed the limit on the number of consumers that can simultaneously ' +
        'be in CREATING for the account 000000000000. Limit: 5.',
    );
    await server.ok('DeregisterStreamConsumer', onT('a'));
    await server.ok('RegisterStreamConsumer', onT('d'));
    server.clock.advance(500);
    await server.ok('RegisterStreamConsumer', onT('c'));
  });
});

describe('DescribeStreamConsumer and DeregisterStreamConsumer', () => {
  const OPERATIONS = ['DescribeStreamConsumer', 'DeregisterStreamConsumer'];

  it('take the ARN, or stream and name, or all of them', async () => {
    const server = await startWithStream();
    const ConsumerARN = await active(server);
    const StreamId = streamIdOf(server, 's');
    for (const input of [
      { ConsumerARN },
      { ConsumerARN, ConsumerName: 'c' },
      { ConsumerARN, StreamARN: ARN },
      { ConsumerARN, StreamARN: ARN.replace('aws', 'aws-cn') },
      { ConsumerARN, StreamARN: ARN, ConsumerName: 'c' },
      { StreamARN: ARN, ConsumerName: 'c' },
      { StreamId, ConsumerName: 'c' },
    ]) {
      const { ConsumerDescription } = await server.ok('DescribeStreamConsumer', input);
      expect(ConsumerDescription.ConsumerARN, JSON.stringify(input)).toBe(ConsumerARN);
      await server.ok('DeregisterStreamConsumer', input);
    }
  });

  it('say what is missing, contradicts or does not exist', async () => {
    const server = await startWithStream();
    const ConsumerARN = await active(server);
    const incomplete =
      'InvalidArgumentException: Either ConsumerARN or both StreamARN and ConsumerName must be provided.';
    const other = ARN.replace('/s', '/t');
    const late = ConsumerARN.replace(/\d+$/, (second) => String(Number(second) + 1));
    const notOne = `${ConsumerARN}/more`;
    for (const operation of OPERATIONS) {
      for (const [input, error] of [
        [{}, incomplete],
        [{ StreamARN: ARN }, incomplete],
        [{ ConsumerName: 'c' }, incomplete],
        [
          { ConsumerARN, ConsumerName: 'd' },
          `InvalidArgumentException: ConsumerName d and ConsumerARN ${ConsumerARN} name different consumers.`,
        ],
        [
          { ConsumerARN, StreamARN: other },
          `InvalidArgumentException: StreamARN ${other} and ConsumerARN ${ConsumerARN} name different streams.`,
        ],
        [{ StreamARN: other, ConsumerName: 'c' }, `ResourceNotFoundException: Stream t ${UNDER} not found.`],
        [
          { StreamARN: ARN, ConsumerName: 'd' },
          'ResourceNotFoundException: Consumer d, account 000000000000 not found.',
        ],
        [{ ConsumerARN: late }, `ResourceNotFoundException: Consumer ${late}, account 000000000000 not found.`],
        [
          { ConsumerARN: `${other}/consumer/c:1` },
          `ResourceNotFoundException: Consumer ${other}/consumer/c:1, account 000000000000 not found.`,
        ],
        [
          { ConsumerARN: notOne.replace('/more', '').replace('kinesis:', 'kinesis:a/') },
          `InvalidArgumentException: ConsumerARN ${ConsumerARN.replace('kinesis:', 'kinesis:a/')} is not the ARN of a consumer.`,
        ],
      ] as const) {
        expect(await refused(server, operation, input), `${operation} ${JSON.stringify(input)}`).toBe(error);
      }
      const message = await refused(server, operation, { ConsumerARN: notOne });
      expect(message, 'the pattern is for the whole value').toMatch(
        /^ValidationException: 1 validation error detected/,
      );
    }
  });
});

describe('ListStreamConsumers', () => {
  it('sorts by name and pages without leaving out or repeating any, with StreamARN on every page', async () => {
    const server = await startWithStream();
    const names = ['B', 'a', 'a-1', 'a.1', 'a1', 'b', 'c'].sort();
    for (const name of names.toReversed()) await register(server, name);
    const seen: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await list(server, { MaxResults: 3, NextToken });
      seen.push(...namesOf(page));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(seen).toEqual(names);
    expect('NextToken' in (await list(server, { MaxResults: 7 })), 'the last page has no token').toBe(false);
  });

  it('gives a token that is for its stream and for 300 seconds', async () => {
    const server = await startWithStream();
    await server.createStream('t');
    for (const name of ['a', 'b']) await register(server, name);
    const { NextToken } = await list(server, { MaxResults: 1 });
    const invalid = 'InvalidArgumentException: NextToken is not valid for this request.';
    const onT = { StreamARN: ARN.replace('/s', '/t'), NextToken };
    expect(await refused(server, 'ListStreamConsumers', onT)).toBe(invalid);
    expect(await refused(server, 'ListStreamConsumers', { StreamARN: ARN, NextToken: 'AAAA' })).toBe(invalid);
    expect(await refused(server, 'ListStreamConsumers', { NextToken })).toMatch(
      /^ValidationException: 1 validation error detected: Value null at 'streamARN'/,
    );
    await server.restart();
    server.clock.advance(300_000);
    expect(namesOf(await list(server, { NextToken }))).toEqual(['b']);
    server.clock.advance(1);
    expect(await refused(server, 'ListStreamConsumers', { StreamARN: ARN, NextToken })).toBe(
      'ExpiredNextTokenException: NextToken has expired; start the listing again.',
    );
    await server.ok('DeleteStream', { StreamName: 's', EnforceConsumerDeletion: true });
    server.clock.advance(500);
    await server.createStream('s');
    expect(await refused(server, 'ListStreamConsumers', { StreamARN: ARN, NextToken }), 'of the former stream').toBe(
      invalid,
    );
  });

  it('can be asked for the stream of a creation second only, which a token excludes', async () => {
    const server = await startWithStream();
    await register(server);
    const at = (StreamCreationTimestamp: number) => ({ StreamARN: ARN, StreamCreationTimestamp });
    for (const second of [START_S, START_S + 0.999]) {
      expect(namesOf(await server.ok('ListStreamConsumers', at(second)))).toEqual(['c']);
    }
    expect(await refused(server, 'ListStreamConsumers', at(START_S + 1))).toBe(
      `ResourceNotFoundException: Stream s ${UNDER} not found.`,
    );
    expect(await refused(server, 'ListStreamConsumers', { ...at(START_S), NextToken: 'AAAA' })).toBe(
      'InvalidArgumentException: NextToken and StreamCreationTimestamp cannot be provided together.',
    );
  });
});

describe('the rates per stream', () => {
  it.each([
    ['DescribeStreamConsumer', 20, { ConsumerName: 'c' }],
    ['ListStreamConsumers', 5, {}],
    ['DeregisterStreamConsumer', 5, { ConsumerName: 'c' }],
  ])('of %s is %i calls a second where AWS enforces it', async (operation, limit, more) => {
    const server = await startWithStream({ QUOTAS: 'current', TRANSITION_MS: '1000' });
    await server.createStream('t');
    for (const name of ['s', 't']) {
      await server.ok('RegisterStreamConsumer', { StreamARN: ARN.replace('/s', `/${name}`), ConsumerName: 'c' });
    }
    server.clock.advance(1000);
    const input = { StreamARN: ARN, ...more };
    for (let call = 0; call < limit; call += 1) await server.ok(operation, input);
    expect(await refused(server, operation, input)).toBe(
      `LimitExceededException: Rate exceeded for stream s ${UNDER}.`,
    );
    await server.ok(operation, { ...input, StreamARN: ARN.replace('/s', '/t') });
  });
});

describe('DeleteStream', () => {
  const inUse = {
    __type: 'ResourceInUseException',
    message:
      "DeleteStream can't delete 000000000000:s because there are consumers associated with this data stream. To delete " +
      's anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are ' +
      'associated with it.',
  };

  it('refuses while there are consumers, unless they may be deleted as well', async () => {
    const server = await startWithStream();
    const ConsumerARN = await active(server);
    const before = databaseRows(server.directory);
    for (const EnforceConsumerDeletion of [undefined, false]) {
      const { body } = await server.call('DeleteStream', { StreamName: 's', EnforceConsumerDeletion });
      expect(body).toEqual(inUse);
    }
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    expect((await server.call('DeleteStream', { StreamName: 's' })).body, 'until it is gone').toEqual(inUse);
    expect(databaseRows(server.directory).streams).toEqual(before.streams);
    server.clock.advance(500);
    await server.ok('DeleteStream', { StreamName: 's' });
  });

  it('does not put off the end of a consumer that is DELETING already', async () => {
    const server = await startWithStream();
    const ConsumerARN = await active(server);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    server.clock.advance(300);
    await server.ok('DeleteStream', { StreamName: 's', EnforceConsumerDeletion: true });
    server.clock.advance(200);
    expect(await byArn(server, ConsumerARN)).toEqual(noConsumer(ConsumerARN));
    await server.ok('DescribeStream', { StreamName: 's' });
  });

  it('with EnforceConsumerDeletion takes them along, with their tags and policies', async () => {
    const server = await startWithStream();
    const ConsumerARN = await active(server, 'c', { Tags: { a: 'x' } });
    const Policy = JSON.stringify({ Statement: { Effect: 'Allow', Principal: '*', Action: '*' } });
    await server.ok('TagResource', { ResourceARN: ARN, Tags: { a: 'x' } });
    for (const ResourceARN of [ConsumerARN, ARN]) await server.ok('PutResourcePolicy', { ResourceARN, Policy });
    await server.ok('DeleteStream', { StreamARN: ARN, EnforceConsumerDeletion: true });
    expect((await byArn(server, ConsumerARN)).ConsumerDescription.ConsumerStatus).toBe('DELETING');
    expect(namesOf(await list(server))).toEqual(['c']);
    await server.ok('DeleteStream', { StreamARN: ARN });
    server.clock.advance(499);
    await server.restart();
    expect((await byArn(server, ConsumerARN)).ConsumerDescription.ConsumerStatus).toBe('DELETING');
    server.clock.advance(1);
    expect(await byArn(server, ConsumerARN)).toEqual(noConsumer(ConsumerARN));
    await server.createStream('s');
    expect(await list(server)).toEqual({ Consumers: [] });
    expect((await server.ok('GetResourcePolicy', { ResourceARN: ARN })).Policy).toBe('{}');
    expect((await register(server)).ConsumerARN).not.toBe(ConsumerARN);
    await server.runJob('sweep');
    const { consumers, tags, resource_policies } = databaseRows(server.directory);
    expect([consumers?.length, tags, resource_policies]).toEqual([1, [], []]);
  });
});
