import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainJson } from '../../src/protocol/plain-json.ts';

/** Long enough for whatever stands before it to be read as a large body. */
const FILLING = 'x'.repeat(256 * 1024);

/** A large body with `text` in it, as the value of a member. */
const bodyWith = (text: string) => Buffer.from(`{"Filling":"${FILLING}","Value":${text}}`, 'latin1');

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return 'refused';
  }
}

const strings = fc.string({ unit: fc.constantFrom(...'ab {}[]:,/+=') });
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    strings,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(strings, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('a large body of plain JSON', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(values, fc.constantFrom('', ' ', '   '), (value, space) => {
        const body = bodyWith(JSON.stringify(value).replaceAll(/(?<=[[{,])(?=")/g, space));
        expect(readPlainJson(body), 'must not be left to JSON.parse').toEqual(parsed(body));
      }),
    );
  });

  it('is left to JSON.parse, or read like it, with any byte of it changed, removed or repeated', () => {
    const text = '{"Records": [{"Data":"abcd","PartitionKey":"k"},{}, [] ,"s"],"StreamName":"s"}';
    const bytes = fc.constantFrom(...'"{}[],: \\\n\t\0\x1f\x7f\x80é09-tfn');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(2), bytes, (at, removed, byte) => {
        const body = bodyWith(text.slice(0, at) + byte + text.slice(at + removed));
        expect([undefined, parsed(body)]).toContainEqual(readPlainJson(body));
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, string]>([
    ['a control character at every place of a word', '"a\tbcdef"'],
    ['an escape', '"\\u0041"'],
    ['characters beyond ASCII', '"\xc3\xa9"'],
    ['a number', '1'],
    ['a boolean', '[true]'],
    ['null', 'null'],
    ['a member __proto__', '{"__proto__":{"a":"b"}}'],
    ['nothing', ''],
    ['a list without an end', '["a"'],
    ['a comma at the end of a list', '["a",]'],
    ['a structure without a colon', '{"a" "b"}'],
    ['text behind the end', '"a"}{'],
  ])('is left to JSON.parse with %s', (_title, text) => {
    for (const before of ['', ' ', '  ', '   ']) {
      expect(readPlainJson(bodyWith(before + text)), 'what was read').toBeUndefined();
    }
  });

  it.each([0, 1, 2, 3])('is looked at whole when it begins %s bytes into its memory', (offset) => {
    const body = bodyWith('["a"]');
    const memory = Buffer.alloc(offset + body.length);
    for (const at of [0, 1, 2, 3, body.length - 4, body.length - 3, body.length - 2, body.length - 1]) {
      body.copy(memory, offset);
      const moved = memory.subarray(offset);
      expect(readPlainJson(moved)).toEqual(parsed(body));
      moved[at] = 0x0a;
      expect(readPlainJson(moved), `with a line feed at ${at}`).toBeUndefined();
    }
  });
});

it('a short body is left to JSON.parse', () => {
  expect(readPlainJson(Buffer.from('{"a":"b"}'))).toBeUndefined();
});
