/** Base64 is taken as strictly as AWS takes it: no text that is not the encoding of the bytes is accepted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../src/protocol/base64.ts';
import { ApiError } from '../../src/protocol/error.ts';

/** The message with which `text` is refused; the bytes in hexadecimal when it is accepted. */
function outcomeOf(text: string): string {
  try {
    return decodeBase64(text).toString('hex');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(error.code).toBe('SerializationException');
    return error.message;
  }
}

const refused = (text: string, reason: string) => `'${text}' can not be converted to a Blob: ${reason}`;
const STRAY_BITS = 'Invalid last non-pad Base64 character dectected';

describe('good base64', () => {
  it.each([
    ['', ''],
    ['AA==', '00'],
    ['AAA=', '0000'],
    ['AAAA', '000000'],
    ['/+8=', 'ffef'],
    ['////', 'ffffff'],
    ['TWlsbA==', '4d696c6c'],
  ])('%s is decoded', (text, hex) => {
    expect(outcomeOf(text)).toBe(hex);
  });

  it('gives back whatever bytes were encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const given = Buffer.from(bytes);
        expect(outcomeOf(given.toString('base64'))).toBe(given.toString('hex'));
      }),
    );
  });
});

describe('bad base64', () => {
  it.each([
    ['A', 1],
    ['AA', 2],
    ['AAA', 3],
    ['AAAAA', 5],
    ['AA=', 3],
    ['=', 1],
    ['A-*', 3],
  ])('%s has a wrong length, which is looked at first', (text, length) => {
    const reason = `Base64 encoded length is expected a multiple of 4 bytes but found: ${length}`;
    expect(outcomeOf(text)).toBe(refused(text, reason));
  });

  it.each([
    ['AA*A', '*'],
    ['*AA=', '*'],
    ['AA-A', '-'],
    ['A_AA', '_'],
    ['AA A', ' '],
    ['AAA\n', '\n'],
    ['AA=A', '='],
    ['=AAA', '='],
    ['A===', '='],
    ['====', '='],
    ['AA==AAAA', '='],
    ['AAA=AAA=', '='],
    ['AAA.AAA,', '.'],
  ])('%j has the bad character %j, the first one being named', (text, character) => {
    expect(outcomeOf(text)).toBe(refused(text, `Invalid Base64 character: '${character}'`));
  });

  it.each([
    ['\u0141AAA', '\u0141'],
    ['AA\u0141=', '\u0141'],
    ['AAAAAA\u3042A', '\u3042'],
    ['AAA\u00c1', '\u00c1'],
  ])(
    '%s has a letter of another alphabet, although the lowest byte of its code may be one of base64',
    (text, letter) => {
      expect(outcomeOf(text)).toBe(refused(text, `Invalid Base64 character: '${letter}'`));
    },
  );

  it.each(['AB==', 'AP==', 'AAB=', 'AAD=', 'AAAAAR==', '/+9='])('%s has bits that belong to no byte', (text) => {
    expect(outcomeOf(text)).toBe(refused(text, STRAY_BITS));
  });

  it('is never taken for the encoding of other bytes', () => {
    const characters = fc.constantFrom(...'ABCDwxyz0189+/==-_ *\n\u00e9\u0141\u0230');
    // Mostly base64, because text that is wrong everywhere is easily refused.
    const text = fc.string({ unit: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...'AQgw') }, characters) });
    fc.assert(
      fc.property(text, (given) => {
        const isEncoding = Buffer.from(given, 'base64').toString('base64') === given;
        const accepted = !outcomeOf(given).startsWith(`'`);
        expect(accepted, `${JSON.stringify(given)} was ${accepted ? 'accepted' : 'refused'}`).toBe(isEncoding);
      }),
      { numRuns: 3000 },
    );
  });

  it('is repeated in the message only up to a limit', () => {
    const outcome = outcomeOf('*'.repeat(1_000_000));
    expect(outcome.length).toBeLessThan(5000);
    expect(outcome.endsWith("…' can not be converted to a Blob: Invalid Base64 character: '*'")).toBe(true);
  });
});
