/** Bytes cut into lines: where they end, where they go on, and that neither long nor hostile ones cost too much. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Continuation } from '../../../src/firehose/redshift/lines.ts';
import { escapedBreaks, linesOf, never, quotedBreaks } from '../../../src/firehose/redshift/lines.ts';

async function* chunksOf(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function cut(text: string, continuation: Continuation = never, size = 1000, maxBytes = 1_000_000) {
  const lines: (string | undefined)[] = [];
  for await (const line of linesOf(chunksOf(text, size), continuation, maxBytes)) lines.push(line);
  return lines;
}

describe('lines', () => {
  it.each<[string, string, Continuation, string[]]>([
    ['end with a line break', 'a\nb\n', never, ['a', 'b']],
    ['end with either line break', 'a\r\nb\nc\r\n', never, ['a', 'b', 'c']],
    ['may lack the last line break', 'a\nb', never, ['a', 'b']],
    ['may be blank', '\n\na\n', never, ['', '', 'a']],
    ['are none in nothing', '', never, []],
    ['go on behind an escaped break', 'a\\\nb\nc\\\\\nd\n', escapedBreaks(), ['a\\\nb', 'c\\\\', 'd']],
    ['do not take an escaped break for an escape', 'a\\\n\nb\n', escapedBreaks(), ['a\\\n', 'b']],
    ['go on inside of quotes', '"a\n\r\nb"\n"c""\n"\nd', quotedBreaks('"', '|'), ['"a\n\r\nb"', '"c""\n"', 'd']],
  ])('%s', async (_title, text, continuation, lines) => {
    for (const size of [1, 2, 3, 1000]) expect(await cut(text, continuation, size), `chunks of ${size}`).toEqual(lines);
  });

  it('are the same however the bytes are cut into chunks', async () => {
    const text = fc
      .array(fc.constantFrom('\\', '\n', '\r', '"', 'a', '|'), { maxLength: 60 })
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (some, size) => {
        for (const make of [() => never, escapedBreaks, () => quotedBreaks('"', '|')]) {
          expect(await cut(some, make(), size)).toEqual(await cut(some, make()));
        }
      }),
    );
  });

  it('that are too long are told without being kept, and the next one is whole', async () => {
    expect(await cut(`a\n${'x'.repeat(101)}\nb\n${'y'.repeat(101)}`, never, 10, 100)).toEqual([
      'a',
      undefined,
      'b',
      undefined,
    ]);
    expect(await cut(`${'x'.repeat(100)}\n`, never, 10, 100)).toEqual(['x'.repeat(100)]);
  });

  it('of nothing but escapes take time in proportion to their length', async () => {
    // With the square of it these would take minutes, and the test its time limit.
    expect(await cut('\\\n'.repeat(400_000), escapedBreaks(), 65_536)).toHaveLength(1);
    expect(await cut(`${'\\'.repeat(800_000)}a\n`.repeat(2), escapedBreaks(), 65_536)).toHaveLength(2);
    expect(await cut('"\n'.repeat(400_001), quotedBreaks('"', '|'), 65_536)).toHaveLength(200_001);
  });
});
