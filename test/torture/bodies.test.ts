/** Bodies of the torture run: they are made anew as they were, and say what is wrong with them. */
import { expect, it } from 'vitest';
import { BODY_BYTES_MIN, createBodies } from '../../scripts/torture/bodies.ts';

const bodies = createBodies(0xdecade);

it.each([BODY_BYTES_MIN, 100, 50_000, 600_000])('a body of %i bytes names itself', (size) => {
  const bytes = bodies.make({ client: 4711, counter: 15, size });
  expect(bytes).toHaveLength(size);
  expect(bodies.read(bytes)).toEqual({ client: 4711, counter: 15, size, isIntact: true });
  expect(createBodies(0xdecade).make({ client: 4711, counter: 15, size }).equals(bytes)).toBe(true);
});

it('bodies of different names differ', () => {
  const filler = (client: number, counter: number) =>
    bodies.make({ client, counter, size: 100 }).subarray(35).toString('hex');
  expect(new Set([filler(1, 0), filler(0, 1), filler(1, 1), filler(2, 7)]).size).toBe(4);
});

it('what is changed, cut off or of another run is told', () => {
  const body = { client: 1, counter: 2, size: 100 };
  const changed = bodies.make(body);
  changed[99]! ^= 1;
  expect(bodies.read(changed)).toEqual({ ...body, isIntact: false });
  expect(bodies.read(bodies.make(body).subarray(0, 99))).toEqual({ ...body, isIntact: false });
  expect(bodies.read(createBodies(1).make(body))).toBeUndefined();
  expect(bodies.read(Buffer.from('something else'))).toBeUndefined();
});

it('bodies that lie one behind the other are taken apart', () => {
  const [one, other] = [
    { client: 1, counter: 0, size: 50 },
    { client: 1, counter: 1, size: 70 },
  ].map(bodies.make) as [Buffer, Buffer];
  const all = Buffer.concat([one, other]);
  const { bodies: found, restBytes } = bodies.readAll(all);
  expect(found.map(({ counter, isIntact }) => [counter, isIntact])).toEqual([
    [0, true],
    [1, true],
  ]);
  expect(restBytes).toBe(0);
  expect(bodies.readAll(all.subarray(0, 100)).restBytes).toBe(50);
});
