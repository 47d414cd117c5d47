/** Tags of streams: what is checked in which order, how they are counted and listed, and how long they stay. */
import { describe, expect, it } from 'vitest';
import { type CallOptions, startTestServer, type TestServer } from '../support/server.ts';

type Tags = Readonly<Record<string, string>>;

const UNDER = 'under account 000000000000';
const BAD_CHARACTERS = {
  __type: 'InvalidArgumentException',
  message:
    'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
};
const tooMany = (hint = '') => ({
  __type: 'InvalidArgumentException',
  message:
    `Failed to add tags to stream s ${UNDER} because a given stream cannot have more than 10 tags associated with ` +
    `it.${hint}`,
});

async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.createStream('s', 2);
  return server;
}

const add = (server: TestServer, Tags: Tags) => server.call('AddTagsToStream', { StreamName: 's', Tags });
const remove = (server: TestServer, ...TagKeys: string[]) =>
  server.call('RemoveTagsFromStream', { StreamName: 's', TagKeys });

const objectOf = (tags: readonly { readonly Key: string; readonly Value: string }[]): Tags =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

/** Every tag of the stream. */
async function tagsOf(server: TestServer, options?: CallOptions): Promise<Tags> {
  const { Tags, HasMoreTags } = await server.ok('ListTagsForStream', { StreamName: 's' }, options);
  expect(HasMoreTags).toBe(false);
  return objectOf(Tags);
}

/** The keys of one page, and whether there are more. */
async function pageOf(server: TestServer, input: object): Promise<[keys: string[], hasMore: boolean]> {
  const { Tags, HasMoreTags } = await server.ok('ListTagsForStream', { StreamName: 's', ...input });
  return [Tags.map(({ Key }: { Key: string }) => Key), HasMoreTags];
}

/** `count` tags with keys from `{prefix}00` on. */
const numbered = (count: number, prefix = 'key', value = 'x'): Tags =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`${prefix}${String(index).padStart(2, '0')}`, value]),
  );

describe('AddTagsToStream and RemoveTagsFromStream', () => {
  it('answer with an empty body and show their effect at once', async () => {
    const server = await startWithStream();
    const added = await add(server, { b: '2', a: '1' });
    expect([added.status, added.text]).toEqual([200, '']);
    expect(await server.ok('ListTagsForStream', { StreamName: 's' })).toEqual({
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '2' },
      ],
      HasMoreTags: false,
    });
    const removed = await remove(server, 'a', 'not there', 'a');
    expect([removed.status, removed.text]).toEqual([200, '']);
    expect(await tagsOf(server)).toEqual({ b: '2' });
  });

  it('replace the value of a key that is there, also by nothing', async () => {
    const server = await startWithStream();
    await add(server, { env: 'test', team: 'a' });
    await add(server, { env: '', new: '' });
    expect(await tagsOf(server)).toEqual({ env: '', team: 'a', new: '' });
  });

  it('tell keys apart by case and by their code units, without normalising them', async () => {
    const server = await startWithStream();
    // The last two look alike: a letter with a ring, and the sign for a unit.
    const keys = ['Env', 'env', 'ENV', ' env', '__proto__', 'constructor', '\u00c5', '\u212b'];
    const tags = Object.fromEntries(keys.map((key, index) => [key, `value ${index}`]));
    await add(server, tags);
    expect(await tagsOf(server)).toEqual(tags);
  });

  it.each([
    ['letters of any script', 'größe Ελλάδα 東京 עברית ǅ 𐐷'],
    ['digits and other numbers', '0123456789 ٣ Ⅷ ½ 𝟘'],
    ['spaces, also those beyond ASCII', 'a b\u00a0c\u3000d'],
    ['the punctuation of the reference documents', '_./=+-%@'],
    ['the colon of the resource API', 'aws:like:key'],
  ])('take %s in keys and values', async (_title, text) => {
    const server = await startWithStream();
    expect((await add(server, { [text]: text })).status).toBe(200);
    expect(await tagsOf(server)).toEqual({ [text]: text });
    expect((await remove(server, text)).status).toBe(200);
    expect(await tagsOf(server)).toEqual({});
  });

  it('refuse any other character in keys and values, and change nothing then', async () => {
    const server = await startWithStream();
    await add(server, { kept: 'as it was' });
    for (const character of [...'\t\n\0;,!?*#&$\'"()[]{}<>|\\^~`', '😀', '\u200b', '\u0301']) {
      const bad = `a${character}b`;
      const title = JSON.stringify(character);
      expect((await add(server, { kept: 'changed', [bad]: 'x' })).body, `${title} in a key`).toEqual(BAD_CHARACTERS);
      expect((await add(server, { kept: 'changed', z: bad })).body, `${title} in a value`).toEqual(BAD_CHARACTERS);
      expect((await remove(server, 'kept', bad)).body, `${title} in a key to remove`).toEqual(BAD_CHARACTERS);
    }
    expect(await tagsOf(server)).toEqual({ kept: 'as it was' });
  });

  it('look for the stream first, then at the characters, then at the number of tags', async () => {
    const server = await startWithStream();
    await add(server, numbered(49));
    const missing = { __type: 'ResourceNotFoundException', message: `Stream none ${UNDER} not found.` };
    const bad = { ...numbered(51, 'more'), 'bad;key': 'x' };
    expect((await server.call('AddTagsToStream', { StreamName: 'none', Tags: bad })).body).toEqual(missing);
    expect((await server.call('RemoveTagsFromStream', { StreamName: 'none', TagKeys: ['bad;'] })).body).toEqual(
      missing,
    );
    expect((await server.call('ListTagsForStream', { StreamName: 'none' })).body).toEqual(missing);
    expect((await add(server, bad)).body).toEqual(BAD_CHARACTERS);
    expect((await add(server, numbered(51, 'more'))).body).toEqual(tooMany());
  });
});

describe('the number of tags', () => {
  it('is that of the union: keys that are there already do not count twice', async () => {
    const server = await startWithStream();
    expect((await add(server, numbered(50))).status).toBe(200);
    expect((await add(server, numbered(50, 'key', 'changed'))).status).toBe(200);
    expect(await tagsOf(server)).toEqual(numbered(50, 'key', 'changed'));
    await remove(server, 'key00');
    expect((await add(server, { key01: 'again', one: 'more' })).status).toBe(200);
    expect(Object.keys(await tagsOf(server))).toHaveLength(50);
  });

  it('is at most 50; a call that would exceed it changes nothing, in spite of the 10 in its text', async () => {
    const server = await startWithStream();
    await add(server, numbered(49));
    expect((await add(server, { key00: 'changed', one: 'more', two: 'many' })).body).toEqual(tooMany());
    expect(await tagsOf(server)).toEqual(numbered(49));
    expect((await add(server, { one: 'more' })).status).toBe(200);
    expect((await add(server, { two: 'many' })).body).toEqual(tooMany());
    expect((await add(server, numbered(200, 'k'))).body, 'the largest map that validation lets pass').toEqual(
      tooMany(),
    );
    expect(await tagsOf(server)).toEqual({ ...numbered(49), one: 'more' });
  });

  it('is at most 10 in the reference documents, and the text names the setting', async () => {
    const server = await startWithStream({ QUOTAS: 'documented' });
    await add(server, numbered(9));
    expect((await add(server, { key00: 'changed', one: 'more', two: 'many' })).body).toEqual(
      tooMany(' (quota tagsPerStream of QUOTAS=documented)'),
    );
    expect(await tagsOf(server)).toEqual(numbered(9));
    expect((await add(server, { key00: 'changed', one: 'more' })).status).toBe(200);
    expect(await tagsOf(server)).toEqual({ ...numbered(9), key00: 'changed', one: 'more' });
  });

  it('counts the tags of CreateStream', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1, Tags: numbered(50) });
    server.clock.advance(500);
    expect((await add(server, { one: 'more' })).body).toEqual(tooMany());
    expect((await add(server, { key00: 'changed' })).status).toBe(200);
  });
});

describe('ListTagsForStream', () => {
  it('sorts by UTF-16 code units, in which astral characters come before the last of the others', async () => {
    const server = await startWithStream();
    // In UTF-8 and by code point, U+10437 (𐐷) comes after U+FF21 (Ａ).
    const sorted = ['%', '1', '10', '2', 'B', '_', 'a', 'aa', 'ä', 'Ω', '中', '𐐷', 'Ａ'];
    const shuffled = [...sorted.slice(6), ...sorted.slice(0, 6)].reverse();
    await add(server, Object.fromEntries(shuffled.map((key) => [key, 'x'])));
    expect(await pageOf(server, {})).toEqual([sorted, false]);
    for (const [index, ExclusiveStartTagKey] of sorted.entries()) {
      const expected = [sorted.slice(index + 1), false];
      expect(await pageOf(server, { ExclusiveStartTagKey }), `after ${ExclusiveStartTagKey}`).toEqual(expected);
    }
  });

  it('pages by the last key without leaving out or repeating any', async () => {
    const server = await startWithStream();
    await add(server, numbered(50));
    const pages: [string[], boolean][] = [];
    for (let from: string | undefined, more = true; more; ) {
      const page = await pageOf(server, { Limit: 20, ExclusiveStartTagKey: from });
      pages.push(page);
      from = page[0].at(-1);
      more = page[1];
    }
    expect(pages.map(([keys, more]) => [keys.length, more])).toEqual([
      [20, true],
      [20, true],
      [10, false],
    ]);
    expect(pages.flatMap(([keys]) => keys)).toEqual(Object.keys(numbered(50)));
  });

  it('starts after keys that do not exist: before the first, between two, after the last, removed meanwhile', async () => {
    const server = await startWithStream();
    await add(server, { b: '1', d: '2', f: '3' });
    const next = (ExclusiveStartTagKey: string) => pageOf(server, { ExclusiveStartTagKey, Limit: 1 });
    expect(await next('a')).toEqual([['b'], true]);
    expect(await next('c')).toEqual([['d'], true]);
    expect(await next('e')).toEqual([['f'], false]);
    expect(await next('g')).toEqual([[], false]);
    await remove(server, 'd');
    expect(await next('d')).toEqual([['f'], false]);
  });

  it('says that there are more only when there are', async () => {
    const server = await startWithStream();
    expect(await pageOf(server, { Limit: 1 }), 'no tags are an empty list').toEqual([[], false]);
    await add(server, { a: '1', b: '2' });
    expect(await pageOf(server, { Limit: 1 })).toEqual([['a'], true]);
    expect(await pageOf(server, { Limit: 2 })).toEqual([['a', 'b'], false]);
    expect(await pageOf(server, { Limit: 50 })).toEqual([['a', 'b'], false]);
  });

  it('gives at most 10 in the reference documents, which is all', async () => {
    const server = await startWithStream({ QUOTAS: 'documented' });
    await add(server, numbered(10));
    expect(await pageOf(server, {})).toEqual([Object.keys(numbered(10)), false]);
    expect(await pageOf(server, { Limit: 9 })).toEqual([Object.keys(numbered(9)), true]);
  });

  it('reaches a stream by its ARN as by its name', async () => {
    const server = await startWithStream();
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
    await server.ok('AddTagsToStream', { StreamARN, Tags: { a: '1', b: '2' } });
    await server.ok('RemoveTagsFromStream', { StreamARN, StreamName: 's', TagKeys: ['a'] });
    expect(objectOf((await server.ok('ListTagsForStream', { StreamARN })).Tags)).toEqual({ b: '2' });
    expect(await tagsOf(server)).toEqual({ b: '2' });
  });
});

describe('tags and the state of the stream', () => {
  const expectUnchangeable = async (server: TestServer, state: string) => {
    const refused = {
      __type: 'ResourceInUseException',
      message: `Stream s ${UNDER} not ACTIVE or UPDATING, instead in state ${state}`,
    };
    expect((await add(server, { new: 'x' })).body).toEqual(refused);
    expect((await add(server, { 'bad;': 'x' })).body, 'the state comes before the characters').toEqual(refused);
    expect((await remove(server, 'given')).body).toEqual(refused);
  };

  it('CREATING: those given at the creation are listed, and cannot be changed yet', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1, Tags: { given: 'x' } });
    await expectUnchangeable(server, 'CREATING');
    expect(await tagsOf(server)).toEqual({ given: 'x' });
    server.clock.advance(500);
    expect((await add(server, { new: 'x' })).status).toBe(200);
    expect(await tagsOf(server)).toEqual({ given: 'x', new: 'x' });
  });

  it('UPDATING: they can be changed, and the update changes none', async () => {
    const server = await startWithStream();
    await add(server, { old: 'x', kept: 'x' });
    const shards = { ShardToMerge: 'shardId-000000000000', AdjacentShardToMerge: 'shardId-000000000001' };
    await server.ok('MergeShards', { StreamName: 's', ...shards });
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    expect(StreamDescriptionSummary.StreamStatus).toBe('UPDATING');
    expect((await add(server, { new: 'x' })).status).toBe(200);
    expect((await remove(server, 'old')).status).toBe(200);
    server.clock.advance(500);
    expect(await tagsOf(server)).toEqual({ kept: 'x', new: 'x' });
  });

  it('DELETING: they are gone, cannot be changed, and a stream that takes the name has none of them', async () => {
    const server = await startWithStream();
    await add(server, { given: 'x' });
    await server.ok('DeleteStream', { StreamName: 's' });
    await expectUnchangeable(server, 'DELETING');
    expect(await tagsOf(server)).toEqual({});
    server.clock.advance(500);
    for (const operation of ['AddTagsToStream', 'RemoveTagsFromStream', 'ListTagsForStream']) {
      const { body } = await server.call(operation, { StreamName: 's', Tags: { a: 'x' }, TagKeys: ['a'] });
      expect(body, operation).toEqual({ __type: 'ResourceNotFoundException', message: `Stream s ${UNDER} not found.` });
    }
    await server.createStream('s');
    expect(await tagsOf(server)).toEqual({});
    expect((await add(server, numbered(50))).status, 'the former tags do not count').toBe(200);
  });

  it('a restart keeps them', async () => {
    const server = await startWithStream();
    const tags = { 'Größe 𐐷': 'ß', empty: '', removed: 'x' };
    await add(server, tags);
    await remove(server, 'removed');
    await server.restart();
    const { removed: _removed, ...kept } = tags;
    expect(await tagsOf(server)).toEqual(kept);
  });

  it('belong to one stream: others of the account, and of the same name elsewhere, keep theirs', async () => {
    const server = await startWithStream();
    const elsewhere = { region: 'eu-west-1' };
    await server.createStream('s', 1, elsewhere);
    await server.createStream('s2');
    await add(server, { a: 'here' });
    await server.ok('AddTagsToStream', { StreamName: 's', Tags: { a: 'elsewhere' } }, elsewhere);
    await server.ok('AddTagsToStream', { StreamName: 's2', Tags: { a: 'other' } });
    await remove(server, 'a');
    expect(await tagsOf(server)).toEqual({});
    expect(await tagsOf(server, elsewhere)).toEqual({ a: 'elsewhere' });
    expect(objectOf((await server.ok('ListTagsForStream', { StreamName: 's2' })).Tags)).toEqual({ a: 'other' });
  });
});
