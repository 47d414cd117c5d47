/** A decoder of Snappy, written from the description of its format: independent of what compresses. */

/** A raw Snappy block decoded as github.com/google/snappy/blob/main/format_description.txt says. */
function snappyBlock(block: Buffer): Buffer {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    size |= (block[at]! & 0x7f) << shift;
    if (block[at++]! < 0x80) break;
  }
  const bytes = Buffer.alloc(size);
  let end = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      const length = 1 + (extra === 0 ? tag >> 2 : block.readUIntLE(at, extra));
      end += block.copy(bytes, end, at + extra, at + extra + length);
      at += extra + length;
    } else {
      const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
      const offset = kind === 1 ? ((tag >> 5) << 8) | block[at]! : block.readUIntLE(at, kind === 2 ? 2 : 4);
      at += [0, 1, 2, 4][kind]!;
      if (offset === 0 || offset > end) throw new Error(`a copy from ${offset} bytes back at ${end}`);
      for (const last = end + length; end < last; end++) bytes[end] = bytes[end - offset]!;
    }
  }
  if (end !== size) throw new Error(`${end} bytes in a block of ${size}`);
  return bytes;
}

const XERIAL_HEADER = '82 53 4e 41 50 50 59 00 00 00 00 01 00 00 00 01'.replaceAll(' ', '');

/** The blocks of a stream in the framing of snappy-java. */
export function xerialBlocks(stream: Buffer): Buffer[] {
  const header = stream.subarray(0, 16).toString('hex');
  if (header !== XERIAL_HEADER) throw new Error(`The stream begins with ${header}.`);
  const blocks: Buffer[] = [];
  for (let at = 16; at < stream.length; ) {
    const length = stream.readInt32BE(at);
    blocks.push(snappyBlock(stream.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return blocks;
}

/** The blocks of a stream in Hadoop's framing. */
export function hadoopBlocks(stream: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = stream.readInt32BE(at + 4);
    if (length > 256 * 1024) throw new Error(`A block of ${length} bytes does not fit into Hadoop's buffer.`);
    const block = snappyBlock(stream.subarray(at + 8, at + 8 + length));
    const told = stream.readInt32BE(at);
    if (block.length !== told) throw new Error(`${told} bytes were told of a block of ${block.length}.`);
    blocks.push(block);
    at += 8 + length;
  }
  return blocks;
}
