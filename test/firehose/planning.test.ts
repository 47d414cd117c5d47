/** UUIDs of objects are made from names, as RFC 9562 says. */
import { expect, it } from 'vitest';
import { nameUuid } from '../../src/firehose/planning.ts';

const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

it('a name in a namespace has the UUID of the standard, always the same', () => {
  expect(nameUuid(DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

it('other names and namespaces have others', () => {
  const uuids = ['destination 1 2', 'destination 1 3', 'backup 1 2'].map((name) => nameUuid(DNS, name));
  uuids.push(nameUuid(uuids[0]!, 'destination 1 2'));
  expect(new Set(uuids).size).toBe(4);
  for (const uuid of uuids)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
