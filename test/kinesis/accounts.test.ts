/** S-037, S-038: accounts and regions on one server are kept apart, in whatever one of them does. */
import { describe, expect, it } from 'vitest';
import { askHttp1, awsQuestion } from '../support/http-client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface Place {
  readonly account: string;
  readonly region: string;
}

/** Two accounts in two regions. The stream `s` of each has one shard more than that of the one before. */
const PLACES: readonly Place[] = [
  { account: '111111111111', region: 'us-east-1' },
  { account: '111111111111', region: 'eu-west-1' },
  { account: '222222222222', region: 'us-east-1' },
  { account: '222222222222', region: 'eu-west-1' },
];
const [HERE, ...ELSEWHERE] = PLACES as [Place, Place, Place, Place];
const OTHER_ACCOUNT = { account: '222222222222', region: 'us-east-1' };

const nameOf = ({ account, region }: Place) => `${account} ${region}`;
const arnOf = ({ account, region }: Place, stream = 's') => `arn:aws:kinesis:${region}:${account}:stream/${stream}`;
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Puts a stream with shards, tags and records into a place, all of which tell the place. */
async function furnish(server: TestServer, place: Place): Promise<void> {
  const count = PLACES.indexOf(place) + 1;
  await server.createStream('s', count, place);
  await server.ok('AddTagsToStream', { StreamName: 's', Tags: { place: nameOf(place) } }, place);
  const Records = Array.from({ length: count }, () => ({ PartitionKey: nameOf(place), Data: '' }));
  await server.ok('PutRecords', { StreamName: 's', Records }, place);
}

async function startFurnished(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  for (const place of PLACES) await furnish(server, place);
  return server;
}

const iteratorOf = async (server: TestServer, place: Place, ShardId: string, reference: object = { StreamName: 's' }) =>
  (await server.ok('GetShardIterator', { ...reference, ShardId, ShardIteratorType: 'TRIM_HORIZON' }, place))
    .ShardIterator;

/** Of the stream `s`: what a client in that place sees of it. */
async function look(server: TestServer, place: Place) {
  const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' }, place);
  const { Tags } = await server.ok('ListTagsForStream', { StreamName: 's' }, place);
  const keys: string[] = [];
  for (const { ShardId } of StreamDescription.Shards) {
    const ShardIterator = await iteratorOf(server, place, ShardId);
    const { Records } = await server.ok('GetRecords', { ShardIterator }, place);
    keys.push(...Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey));
  }
  const { StreamNames, StreamSummaries } = await server.ok('ListStreams', {}, place);
  return {
    arn: StreamDescription.StreamARN,
    shards: StreamDescription.Shards.length,
    tags: Tags,
    keys,
    names: StreamNames,
    listedArns: StreamSummaries.map(({ StreamARN }: { StreamARN: string }) => StreamARN),
  };
}

/** Expects a place to be as it was furnished. */
async function expectUntouched(server: TestServer, place: Place): Promise<void> {
  const count = PLACES.indexOf(place) + 1;
  expect(await look(server, place), nameOf(place)).toEqual({
    arn: arnOf(place),
    shards: count,
    tags: [{ Key: 'place', Value: nameOf(place) }],
    keys: Array.from({ length: count }, () => nameOf(place)),
    names: ['s'],
    listedArns: [arnOf(place)],
  });
}

const shardLimit = ({ account, region }: Place, open: number, limit: number, additional: number) => ({
  __type: 'LimitExceededException',
  message:
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the ` +
    `account: ${open}. Limit: ${limit}. Number of additional shards that would have resulted from this request: ` +
    `${additional}. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_` +
    'limits.html) for current limits and how to request higher limits.',
});
const tooManyChanging = ({ account }: Place) => ({
  __type: 'LimitExceededException',
  message:
    'This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or ' +
    `DELETING for the account ${account}. Limit: 5.`,
});

describe('a stream name', () => {
  it('is another stream in every account and region, before and after a restart', async () => {
    const server = await startFurnished();
    for (const restarted of [false, true]) {
      if (restarted) await server.restart();
      for (const place of PLACES) await expectUntouched(server, place);
    }
  });

  it('can be deleted and taken again in one of them, while the others stay as they are', async () => {
    const server = await startFurnished();
    const iterators = await Promise.all(PLACES.map((place) => iteratorOf(server, place, id(0))));
    await server.ok('DeleteStream', { StreamName: 's' }, HERE);
    server.clock.advance(500);
    await server.runJob('sweep');
    expect((await server.call('DescribeStream', { StreamName: 's' }, HERE)).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Stream s under account ${HERE.account} not found.`,
    });
    expect((await server.ok('ListStreams', {}, HERE)).StreamNames).toEqual([]);
    for (const place of ELSEWHERE) await expectUntouched(server, place);

    await server.createStream('s', 5, HERE);
    for (const restarted of [false, true]) {
      if (restarted) await server.restart();
      expect(await look(server, HERE)).toMatchObject({ arn: arnOf(HERE), shards: 5, tags: [], keys: [] });
      for (const place of ELSEWHERE) await expectUntouched(server, place);
    }
    const codes = [];
    for (const ShardIterator of iterators) {
      const { status, body } = await server.call('GetRecords', { ShardIterator });
      codes.push(body.__type ?? status);
    }
    expect(codes, 'only the iterator of the deleted stream is void').toEqual([
      'ResourceNotFoundException',
      200,
      200,
      200,
    ]);
  });

  it('can be split, and gets other records and tags, in one of them only', async () => {
    const server = await startFurnished();
    const changed = ELSEWHERE[0];
    const split = { StreamName: 's', ShardToSplit: id(0), NewStartingHashKey: '7' };
    await server.ok('SplitShard', split, changed);
    await server.ok('RemoveTagsFromStream', { StreamName: 's', TagKeys: ['place'] }, changed);
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'new', Data: '' }, changed);
    server.clock.advance(500);
    expect(await look(server, changed)).toMatchObject({
      shards: 4,
      tags: [],
      keys: expect.arrayContaining(['new', nameOf(changed)]),
    });
    for (const place of PLACES.filter((place) => place !== changed)) await expectUntouched(server, place);
  });
});

describe('what names the account and region', () => {
  it('are the texts of errors', async () => {
    const server = await startFurnished();
    for (const place of PLACES) {
      const under = `under account ${place.account}`;
      const shard = { ShardToSplit: id(9), NewStartingHashKey: '7' };
      const iterator = { ShardId: id(9), ShardIteratorType: 'LATEST' };
      const messages: [operation: string, input: object, message: string][] = [
        ['DescribeStream', { StreamName: 'none' }, `Stream none ${under} not found.`],
        ['CreateStream', { StreamName: 's', ShardCount: 1 }, `Stream s ${under} already exists.`],
        ['SplitShard', { StreamName: 's', ...shard }, `Could not find shard ${id(9)} in stream s ${under}.`],
        ['GetShardIterator', { StreamName: 's', ...iterator }, `Shard ${id(9)} in stream s ${under} does not exist`],
      ];
      for (const [operation, input, message] of messages) {
        expect((await server.call(operation, input, place)).body.message).toBe(message);
      }
      await server.ok('DeleteStream', { StreamName: 's' }, place);
      const { body } = await server.call('AddTagsToStream', { StreamName: 's', Tags: { a: '' } }, place);
      expect(body.message).toBe(`Stream s ${under} not ACTIVE or UPDATING, instead in state DELETING`);
    }
  });

  it('is the access key when it has 12 digits; any other, or none, is the default account', async () => {
    const settings = { AWS_ACCOUNT_ID: '333333333333', AWS_REGION: 'ap-south-1', AUTH: 'off' };
    const server = await startTestServer({ settings });
    await server.createStream('own', 1, { account: '333333333333', region: 'ap-south-1' });
    for (const account of ['test', 'AKIAIOSFODNN7EXAMPLE', '11111111111', '1111111111111', '11111111111a']) {
      const { StreamNames } = await server.ok('ListStreams', {}, { account, region: 'ap-south-1' });
      expect(StreamNames, account).toEqual(['own']);
      expect((await server.ok('ListStreams', {}, { account, region: 'us-east-1' })).StreamNames, account).toEqual([]);
    }
    const { headers, body } = awsQuestion('DescribeStreamSummary', { StreamName: 'own' });
    const { Authorization: _signature, ...others } = headers!;
    const unsigned = await askHttp1(server.url, { headers: others, body: body! });
    expect(JSON.parse(unsigned.text).StreamDescriptionSummary.StreamARN).toBe(
      'arn:aws:kinesis:ap-south-1:333333333333:stream/own',
    );
    const other = { account: '111111111111', region: 'ap-south-1' };
    expect((await server.ok('ListStreams', {}, other)).StreamNames).toEqual([]);
  });
});

describe('limits', () => {
  it('of shards are counted for each account and region', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '2' } });
    for (const place of PLACES) await server.createStream('s', 2, place);
    for (const place of PLACES) {
      const more = await server.call('CreateStream', { StreamName: 'more', ShardCount: 3 }, place);
      expect(more.body).toEqual(shardLimit(place, 2, 2, 3));
    }
    await server.ok('DeleteStream', { StreamName: 's' }, HERE);
    server.clock.advance(500);
    await server.createStream('more', 1, HERE);
    const still = await server.call('CreateStream', { StreamName: 'more', ShardCount: 1 }, OTHER_ACCOUNT);
    expect(still.body).toEqual(shardLimit(OTHER_ACCOUNT, 2, 2, 1));
  });

  it('of streams in transition are counted for each account and region', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '3000' } });
    const create = (StreamName: string, place: Place) =>
      server.call('CreateStream', { StreamName, ShardCount: 1 }, place);
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect((await create(name, HERE)).status).toBe(200);
    server.clock.advance(1000);
    expect((await create('f', HERE)).body).toEqual(tooManyChanging(HERE));
    for (const place of ELSEWHERE) expect((await create('f', place)).status, nameOf(place)).toBe(200);
  });

  it('of calls per second are counted for each account and region', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    for (const place of PLACES) {
      for (let call = 0; call < 5; call += 1) await server.ok('ListStreams', {}, place);
      expect((await server.call('ListStreams', {}, place)).body).toEqual({
        __type: 'LimitExceededException',
        message: `Rate exceeded for account ${place.account}.`,
      });
    }
    server.clock.advance(1000);
    for (const place of PLACES) await server.ok('ListStreams', {}, place);
  });

  it('of iterators are counted for each account, those of reads and writes for the shard, whoever calls', async () => {
    const server = await startFurnished({ QUOTAS: 'current' });
    server.clock.advance(1000);
    const input = { StreamARN: arnOf(HERE), ShardId: id(0), ShardIteratorType: 'TRIM_HORIZON' };
    const exceeded = {
      __type: 'ProvisionedThroughputExceededException',
      message: `Rate exceeded for shard ${id(0)} in stream s under account ${HERE.account}.`,
    };
    for (let call = 0; call < 5; call += 1) await server.ok('GetShardIterator', input, HERE);
    expect((await server.call('GetShardIterator', input, HERE)).body).toEqual(exceeded);
    const { ShardIterator } = await server.ok('GetShardIterator', input, OTHER_ACCOUNT);

    for (let call = 0; call < 5; call += 1) await server.ok('GetRecords', { ShardIterator }, HERE);
    expect((await server.call('GetRecords', { ShardIterator }, OTHER_ACCOUNT)).body).toEqual(exceeded);

    const Records = Array.from({ length: 500 }, () => ({ PartitionKey: 'k', Data: '' }));
    for (const place of [HERE, OTHER_ACCOUNT]) {
      await server.ok('PutRecords', { StreamARN: arnOf(HERE), Records }, place);
    }
    const put = { PartitionKey: 'k', Data: '' };
    expect((await server.call('PutRecord', { StreamName: 's', ...put }, HERE)).body).toEqual(exceeded);
    for (const place of ELSEWHERE) await server.ok('PutRecord', { StreamName: 's', ...put }, place);
  });
});

describe('a paging token', () => {
  it('goes on with the listing of its caller, and is refused for any other', async () => {
    const server = await startTestServer();
    for (const place of PLACES) {
      for (const name of ['a', 'b']) await server.createStream(name, 1, place);
    }
    const { NextToken } = await server.ok('ListStreams', { Limit: 1 }, HERE);
    for (const place of ELSEWHERE) {
      expect((await server.call('ListStreams', { NextToken }, place)).body, nameOf(place)).toEqual({
        __type: 'InvalidArgumentException',
        message: 'NextToken is not valid for this request.',
      });
    }
    expect((await server.ok('ListStreams', { NextToken }, HERE)).StreamNames).toEqual(['b']);
  });
});

describe('by StreamARN', () => {
  it('a stream of another account or region can be reached', async () => {
    const server = await startFurnished();
    const StreamARN = arnOf(HERE);
    for (const caller of ELSEWHERE) {
      const put = await server.ok('PutRecord', { StreamARN, PartitionKey: nameOf(caller), Data: '' }, caller);
      expect(put.ShardId).toBe(id(0));
      const ShardIterator = await iteratorOf(server, caller, id(0), { StreamARN });
      const { Records } = await server.ok('GetRecords', { ShardIterator, StreamARN }, caller);
      expect(Records.at(-1)).toMatchObject({ PartitionKey: nameOf(caller), SequenceNumber: put.SequenceNumber });
      await server.ok('AddTagsToStream', { StreamARN, Tags: { [nameOf(caller)]: 'was here' } }, caller);
    }
    const seen = await look(server, HERE);
    expect(seen.keys).toEqual(PLACES.map(nameOf));
    expect(seen.tags).toHaveLength(4);
    for (const place of ELSEWHERE) await expectUntouched(server, place);

    await server.ok('DeleteStream', { StreamARN }, OTHER_ACCOUNT);
    server.clock.advance(500);
    const gone = await server.call('DescribeStream', { StreamARN }, OTHER_ACCOUNT);
    expect(gone.body.message, "the ARN's account, not the caller's").toBe(
      'Stream s under account 111111111111 not found.',
    );
    for (const place of ELSEWHERE) await expectUntouched(server, place);
  });

  const splitOf = (place: Place) => ({
    StreamARN: arnOf(place),
    ShardToSplit: id(0),
    NewStartingHashKey: '7',
  });

  it("a split keeps to the shard limit of the stream's account and region", async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '3' } });
    await server.createStream('s', 3, HERE);
    for (const caller of ELSEWHERE) {
      const { body } = await server.call('SplitShard', splitOf(HERE), caller);
      expect(body, `asked by ${nameOf(caller)}`).toEqual(shardLimit(HERE, 3, 3, 1));
    }
  });

  it("a split is not refused because the caller's own shard limit is reached", async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '3' } });
    await server.createStream('s', 3, HERE);
    await server.createStream('s', 1, OTHER_ACCOUNT);
    const { status, text } = await server.call('SplitShard', splitOf(OTHER_ACCOUNT), HERE);
    expect([status, text]).toEqual([200, '']);
  });

  it("a deletion counts among the changing streams of the stream's account, not of the caller's", async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '3000' } });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 }, HERE);
    server.clock.advance(3000);
    for (const StreamName of ['a', 'b', 'c', 'd', 'e']) {
      await server.ok('CreateStream', { StreamName, ShardCount: 1 }, HERE);
    }
    const { body } = await server.call('DeleteStream', { StreamARN: arnOf(HERE) }, OTHER_ACCOUNT);
    expect(body).toEqual(tooManyChanging(HERE));
  });
});
