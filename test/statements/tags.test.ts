/** S-010 to S-022: tags. Where today's AWS takes more of them than the document says, both figures are tested. */
import { expect } from 'vitest';
import type { TestServer } from '../support/server.ts';
import { type Check, type Differing, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

type Tags = Readonly<Record<string, string>>;

const add = (server: TestServer, Tags: Tags) => server.call('AddTagsToStream', { StreamName: 's', Tags });
const remove = (server: TestServer, ...TagKeys: string[]) =>
  server.call('RemoveTagsFromStream', { StreamName: 's', TagKeys });
const list = (server: TestServer, more: object = {}) => server.ok('ListTagsForStream', { StreamName: 's', ...more });
const keysOf = (page: { readonly Tags: readonly { readonly Key: string }[] }) => page.Tags.map(({ Key }) => Key);

/** Creates the stream `s` with `tags`. */
async function taggedStream(server: TestServer, tags: Tags): Promise<void> {
  await server.createStream('s');
  await server.ok('AddTagsToStream', { StreamName: 's', Tags: tags });
}

/** All tags of the stream `s`, which must fit on one page. */
async function tagsOf(server: TestServer): Promise<Tags> {
  const page = await list(server);
  expect(page.HasMoreTags, 'all tags are on one page').toBe(false);
  return Object.fromEntries(page.Tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]));
}

/** `count` different tags; their keys are in order. */
const tags = (count: number): Tags =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index + 10}`, `value ${index}`]));

const invalid = (constraint: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value ${constraint}`,
});
const missing = (member: string) =>
  invalid(`null at '${member}' failed to satisfy constraint: Member must not be null`);
const lengths = (min: number, max: number) =>
  `[Member must have length less than or equal to ${max}, Member must have length greater than or equal to ${min}]`;

interface Members {
  readonly required: object;
  readonly optional?: object;
  /** One member with a value of a wrong type, and what is said about it. */
  readonly mistyped: readonly [member: object, message: string];
}

/** `operation` needs StreamName and the `required` members. Today's AWS takes StreamARN instead of StreamName. */
function requiresStreamNameAnd(operation: string, { required, optional, mistyped: [wrong, Message] }: Members) {
  const named = { StreamName: 's', ...required };
  const needsItsMembers = async (server: TestServer) => {
    await taggedStream(server, { a: '1' });
    for (const member of Object.keys(required)) {
      const { body } = await server.call(operation, { ...named, [member]: undefined });
      expect(body, `without ${member}`).toEqual(missing(member.charAt(0).toLowerCase() + member.slice(1)));
    }
    const { body } = await server.call(operation, { ...named, ...wrong });
    expect(body).toEqual({ __type: 'SerializationException', Message });
    expect((await server.call(operation, named)).status, 'with what is required').toBe(200);
    expect((await server.call(operation, { ...named, ...optional })).status, 'with everything').toBe(200);
  };
  const differing: Differing = {
    documented: async (server) => {
      await needsItsMembers(server);
      for (const unnamed of [required, { StreamARN: ARN, ...required }]) {
        expect((await server.call(operation, unnamed)).body).toEqual(missing('streamName'));
      }
    },
    otherwise: [
      `${operation} takes StreamARN instead of StreamName; one of them is required`,
      async (server) => {
        await needsItsMembers(server);
        const { status, body } = await server.call(operation, required);
        expect([status, body.__type], 'with neither').toEqual([400, 'InvalidArgumentException']);
        expect((await server.call(operation, { StreamARN: ARN, ...required })).status, 'with the ARN').toBe(200);
      },
    ],
  };
  return differing;
}

const NUMBER_FOR_STRING =
  'class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String';

statement(
  'S-010',
  'AddTagsToStream requires StreamName and Tags, a map of strings',
  requiresStreamNameAnd('AddTagsToStream', {
    required: { Tags: { a: '1' } },
    mistyped: [{ Tags: { a: 1 } }, NUMBER_FOR_STRING],
  }),
);

statement('S-011', 'AddTagsToStream adds new tags and overwrites the values of existing ones', async (server) => {
  await taggedStream(server, { a: 'old a', b: 'old b' });
  const answer = await add(server, { b: 'new b', c: 'new c' });
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(await tagsOf(server)).toEqual({ a: 'old a', b: 'new b', c: 'new c' });
});

/** A stream takes `max` tags. What would exceed them is refused as a whole; values can change even then. */
const holdsAtMost =
  (max: number, hint = ''): Check =>
  async (server) => {
    await taggedStream(server, tags(max - 1));
    const refusal = {
      __type: 'InvalidArgumentException',
      // AWS says 10 whatever the limit is.
      message:
        'Failed to add tags to stream s under account 000000000000 because a given stream cannot have more than 10 ' +
        `tags associated with it.${hint}`,
    };
    const twoMore = await add(server, { last: 'x', tooMany: 'x' });
    expect([twoMore.status, twoMore.body], `${max - 1} + 2 tags`).toEqual([400, refusal]);
    expect(await tagsOf(server), 'nothing of it was stored').toEqual(tags(max - 1));
    expect((await add(server, { last: 'x' })).status, `${max} tags`).toBe(200);
    expect((await add(server, { tooMany: 'x' })).body, `${max} + 1 tags`).toEqual(refusal);
    expect((await add(server, { last: 'changed' })).status, 'another value for one of them').toBe(200);
    expect(await tagsOf(server)).toEqual({ ...tags(max - 1), last: 'changed' });
  };

statement('S-012', 'a stream holds at most 10 tags', {
  documented: holdsAtMost(10, ' (quota tagsPerStream of QUOTAS=documented)'),
  otherwise: ['a stream holds at most 50 tags', holdsAtMost(50)],
});

statement(
  'S-013',
  'ListTagsForStream requires StreamName; ExclusiveStartTagKey and Limit are optional',
  requiresStreamNameAnd('ListTagsForStream', {
    required: {},
    optional: { ExclusiveStartTagKey: 'a', Limit: 1 },
    mistyped: [{ Limit: '1' }, 'class java.lang.String can not be converted to an Integer'],
  }),
);

statement('S-014', 'with ExclusiveStartTagKey only tags after that key are returned', async (server) => {
  await taggedStream(server, { d: '4', B: '2', c: '3', é: '5', A: '1' });
  const after = async (ExclusiveStartTagKey: string) => keysOf(await list(server, { ExclusiveStartTagKey }));
  expect(await after('B'), 'in the order of code units').toEqual(['c', 'd', 'é']);
  expect(await after('C'), 'a key that no tag has').toEqual(['c', 'd', 'é']);
  expect(await after('0'), 'before the first').toEqual(['A', 'B', 'c', 'd', 'é']);
  expect(await after('é'), 'the last').toEqual([]);
});

statement('S-015', 'Limit bounds the tags returned; HasMoreTags is true when there are more', async (server) => {
  await taggedStream(server, tags(3));
  const keys = Object.keys(tags(3));
  for (const Limit of [1, 2, 3, 4]) {
    const page = await list(server, { Limit });
    expect([keysOf(page), page.HasMoreTags], `Limit ${Limit}`).toEqual([keys.slice(0, Limit), Limit < 3]);
  }
  const { body } = await server.call('ListTagsForStream', { StreamName: 's', Limit: 0 });
  expect(body).toEqual(
    invalid("'0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
  );
});

statement('S-016', 'passing the last key as ExclusiveStartTagKey pages through all tags', async (server) => {
  // In UTF-16, as keys are compared, the first of the two odd letters is the lower one; in UTF-8 it is the higher.
  const keys = ['10', '9', 'Key', 'a', 'key', '\u{10400}', '\uff21'];
  await taggedStream(server, Object.fromEntries(keys.map((key) => [key, 'x'])));
  const pages: string[][] = [];
  for (let last: string | undefined, hasMore = true; hasMore; last = pages.at(-1)!.at(-1)) {
    const page = await list(server, { Limit: 3, ExclusiveStartTagKey: last });
    pages.push(keysOf(page));
    hasMore = page.HasMoreTags;
  }
  expect(pages).toEqual([keys.slice(0, 3), keys.slice(3, 6), keys.slice(6)]);
});

statement('S-017', 'the response has Tags, each with Key and Value, and HasMoreTags', async (server) => {
  await server.createStream('s');
  expect(await list(server), 'without any tag').toEqual({ Tags: [], HasMoreTags: false });
  await add(server, { b: '', a: 'of a' });
  expect(await list(server)).toEqual({
    Tags: [
      { Key: 'a', Value: 'of a' },
      { Key: 'b', Value: '' },
    ],
    HasMoreTags: false,
  });
});

statement('S-018', 'a tag key has at most 128 characters', async (server) => {
  await server.createStream('s');
  const longest = 'ä'.repeat(128);
  expect((await add(server, { [longest]: 'x' })).status, '128 characters, which are 256 bytes').toBe(200);
  expect(await tagsOf(server)).toEqual({ [longest]: 'x' });
  for (const key of [`${longest}k`, '']) {
    expect((await add(server, { [key]: 'x' })).body, `${key.length} characters`).toEqual(
      invalid(
        `'{${key}=x}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: ${lengths(1, 128)}`,
      ),
    );
    expect((await remove(server, key)).body, `${key.length} characters, to be removed`).toEqual(
      invalid(
        `'[${key}]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: ${lengths(1, 128)}`,
      ),
    );
  }
});

statement('S-019', 'a tag value has at most 256 characters and may be empty', async (server) => {
  await server.createStream('s');
  const longest = 'ü'.repeat(256);
  expect((await add(server, { long: longest, empty: '' })).status, '256 characters, and none').toBe(200);
  expect((await add(server, { long: `${longest}v` })).body, '257 characters').toEqual(
    invalid(
      `'{long=${longest}v}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: ${lengths(0, 256)}`,
    ),
  );
  expect(await tagsOf(server)).toEqual({ long: longest, empty: '' });
});

statement('S-020', 'keys and values are of letters, digits, white space and _ . / = + - % @', async (server) => {
  const allowed = 'aZ ß Ω 字 أ 09 ٣ \u00a0 _./=+-%@';
  await taggedStream(server, { [allowed]: allowed });
  expect(await tagsOf(server), 'unchanged').toEqual({ [allowed]: allowed });
  const refusal = {
    __type: 'InvalidArgumentException',
    message:
      'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
  };
  for (const odd of ['\t', '\n', '\0', '😀', ...';,!?#$&*()[]{}<>"\'`^~|\\']) {
    const what = JSON.stringify(odd);
    expect((await add(server, { [`a${odd}`]: 'x' })).body, `${what} in a key`).toEqual(refusal);
    expect((await add(server, { a: `${odd}x` })).body, `${what} in a value`).toEqual(refusal);
    expect((await remove(server, odd)).body, `${what} in a key to remove`).toEqual(refusal);
    server.clock.advance(SECOND_MS);
  }
  expect(await tagsOf(server), 'nothing of what was refused was done').toEqual({ [allowed]: allowed });
});

statement(
  'S-021',
  'RemoveTagsFromStream requires StreamName and TagKeys, a list of strings',
  requiresStreamNameAnd('RemoveTagsFromStream', {
    required: { TagKeys: ['a'] },
    mistyped: [{ TagKeys: [1] }, NUMBER_FOR_STRING],
  }),
);

statement('S-022', 'each named tag is removed; keys that are not there are ignored', async (server) => {
  await taggedStream(server, { a: '1', b: '2', c: '3' });
  const answer = await remove(server, 'a', 'none', 'c', 'A');
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(await tagsOf(server)).toEqual({ b: '2' });
  expect((await remove(server, 'a')).status, 'nothing to remove').toBe(200);
  expect(await tagsOf(server)).toEqual({ b: '2' });
});
