/** The reserve on a disk with room, and on one that becomes full. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { freeSpace } from '../../src/database/file-system.ts';
import { reserveSize, SpaceReserve } from '../../src/database/space-reserve.ts';
import { temporaryDirectory } from '../support/server.ts';

const MIB = 1024 * 1024;

const fill = (count: number) => systemClock.randomBytes(count);

const reserveIn = (directory: string, sizeBytes: number) =>
  new SpaceReserve({ path: join(directory, 'space-reserve'), sizeBytes, fill });

describe('where there is room', () => {
  it('it is held until it is released, and takes the room that it promises', () => {
    const directory = temporaryDirectory();
    const reserve = reserveIn(directory, 2 * MIB + 100);
    expect(reserve.isHeld).toBe(false);
    expect(reserve.hold()).toBe(true);
    expect(reserve.isHeld).toBe(true);
    const { size, blocks, mode } = statSync(join(directory, 'space-reserve'));
    expect(size).toBe(2 * MIB + 100);
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
    expect(mode & 0o777).toBe(0o600);
    reserve.release();
    expect(reserve.isHeld).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
    reserve.release();
  });

  it('it is not written again when it is there, also for the next process', () => {
    const directory = temporaryDirectory();
    expect(reserveIn(directory, MIB).hold()).toBe(true);
    const again = new SpaceReserve({
      path: join(directory, 'space-reserve'),
      sizeBytes: MIB,
      fill: () => {
        throw new Error('written again');
      },
    });
    expect(again.isHeld).toBe(true);
    expect(again.hold()).toBe(true);
  });

  it('what a killed process or another size left is made anew', () => {
    const directory = temporaryDirectory();
    reserveIn(directory, 2 * MIB).hold();
    truncateSync(join(directory, 'space-reserve'), 1000);
    for (const sizeBytes of [2 * MIB, MIB]) {
      const reserve = reserveIn(directory, sizeBytes);
      expect(reserve.isHeld).toBe(false);
      expect(reserve.hold()).toBe(true);
      expect(statSync(join(directory, 'space-reserve')).size).toBe(sizeBytes);
    }
  });

  it('nothing is left when it cannot be written to its end', () => {
    const directory = temporaryDirectory();
    let pieces = 0;
    const reserve = new SpaceReserve({
      path: join(directory, 'space-reserve'),
      sizeBytes: 4 * MIB,
      fill: (count) => {
        pieces += 1;
        if (pieces === 3) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        return fill(count);
      },
    });
    expect(reserve.hold()).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('nothing throws where no file can be', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'space-reserve'));
    const reserves = [reserveIn(directory, MIB), reserveIn(join(directory, 'none'), MIB)];
    for (const reserve of reserves) {
      expect(reserve.hold()).toBe(false);
      expect(reserve.isHeld).toBe(false);
      reserve.release();
    }
    expect(existsSync(join(directory, 'space-reserve')), 'what is not ours stays').toBe(true);
  });

  it('there is none of no size', () => {
    const directory = temporaryDirectory();
    const reserve = reserveIn(directory, 0);
    expect(reserve.hold()).toBe(false);
    expect(reserve.isHeld).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('it is a sixteenth of the volume at most', () => {
    const directory = temporaryDirectory();
    expect(reserveSize(1000, directory)).toBe(1000);
    const most = reserveSize(Number.MAX_SAFE_INTEGER, directory);
    expect(most).toBe(Math.floor(freeSpace(directory).totalBytes / 16));
    expect(reserveIn(directory, 1e17).hold(), 'more than there is').toBe(false);
  });
});

/** A file system of its own, or the reason why there is none. */
function mountSmall(megabytes: number): { directory: string } | { reason: string } {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return { reason: 'only root of a Linux may mount' };
  const directory = temporaryDirectory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
  if (mounted.status !== 0) return { reason: `nothing can be mounted: ${mounted.stderr ?? mounted.error}` };
  onTestFinished(() => void spawnSync('umount', [directory]));
  chmodSync(directory, 0o700);
  return { directory };
}

describe('on a small disk', () => {
  it('it gives its room back when the disk is full, and is made again when there is room for two', ({ skip }) => {
    const mount = mountSmall(16);
    if ('reason' in mount) return skip(mount.reason);
    const { directory } = mount;
    const sizeBytes = reserveSize(16 * MIB, directory);
    expect(sizeBytes).toBe(MIB);
    const reserve = reserveIn(directory, sizeBytes);
    expect(reserve.hold()).toBe(true);
    const write = (name: string, bytes: number) => writeFileSync(join(directory, name), Buffer.alloc(bytes, 1));
    const { freeBytes } = freeSpace(directory);
    write('data', freeBytes);
    expect(() => write('more', 4096)).toThrow('ENOSPC');

    reserve.release();
    expect(freeSpace(directory).freeBytes).toBe(sizeBytes);
    expect(reserve.hold(), 'room for one is not enough').toBe(false);
    write('more', 4096);
    truncateSync(join(directory, 'data'), freeBytes - MIB);
    expect(reserve.hold(), 'nearly two').toBe(false);
    truncateSync(join(directory, 'data'), freeBytes - 2 * MIB);
    expect(reserve.hold()).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(['data', 'more', 'space-reserve']);
  });

  it('nothing is left of it when others take the room meanwhile', ({ skip }) => {
    const mount = mountSmall(16);
    if ('reason' in mount) return skip(mount.reason);
    const { directory } = mount;
    const reserve = new SpaceReserve({
      path: join(directory, 'space-reserve'),
      sizeBytes: 4 * MIB,
      fill: (count) => {
        if (!existsSync(join(directory, 'data'))) writeFileSync(join(directory, 'data'), Buffer.alloc(14 * MIB + 100));
        return fill(count);
      },
    });
    expect(reserve.hold()).toBe(false);
    expect(readdirSync(directory)).toEqual(['data']);
  });
});
