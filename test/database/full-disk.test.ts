/** The order of things on a full disk; test/database/space-reserve.test.ts and the torture run have real full disks. */
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { freeSpace } from '../../src/database/file-system.ts';
import { FullDisk } from '../../src/database/full-disk.ts';
import { SpaceReserve } from '../../src/database/space-reserve.ts';
import { createTestLog, type TestLog } from '../support/log.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { temporaryDirectory } from '../support/server.ts';

let clock: ManualClock;
let log: TestLog;
let steps: string[];
let hasRoom: boolean;
let owedBytes: number;
let disk: FullDisk;

beforeEach(() => {
  clock = createManualClock();
  log = createTestLog();
  steps = [];
  hasRoom = true;
  owedBytes = 0;
  const reserve = {
    sizeBytes: 1,
    hold() {
      steps.push(hasRoom ? 'hold' : 'no room');
      return hasRoom;
    },
    release: () => void steps.push('release'),
  } as unknown as SpaceReserve;
  disk = new FullDisk({
    room: () => ({ freeBytes: 1e12 }),
    reserve,
    clock,
    log,
    settleLog() {
      steps.push('settle');
      return owedBytes;
    },
  });
  disk.onFull(() => void steps.push('make room'));
});

it('gives the reserve up, has room made, and refuses writes until there is a reserve again', () => {
  expect(disk.obstacle).toBeUndefined();
  hasRoom = false;
  disk.met();
  disk.met();
  expect(disk.obstacle).toMatch(/^The disk of DATA_DIR is full, so nothing can be written: .*\.$/);
  clock.fire(1000);
  expect(disk.isFull).toBe(true);
  hasRoom = true;
  clock.fire(1000);
  expect(disk.isFull).toBe(false);
  expect(disk.obstacle).toBeUndefined();
  expect(steps).toEqual(['hold', 'release', 'make room', 'settle', 'no room', 'make room', 'settle', 'hold']);
  expect(log.take('error').map(({ message }) => message)).toEqual([expect.stringContaining('is full')]);
  expect(log.take('warn').map(({ message }) => message)).toEqual(['There is room on the disk again; writes go on.']);
});

it('with a real reserve, does not take the room that it gave up for room that is there', () => {
  const directory = temporaryDirectory();
  const sizeBytes = freeSpace(directory).totalBytes;
  // Never room for twice the volume, however much of it is free.
  const real = new SpaceReserve({ path: join(directory, 'reserve'), sizeBytes, fill: (count) => Buffer.alloc(count) });
  const full = new FullDisk({ room: () => freeSpace(directory), reserve: real, clock, log, settleLog: () => 0 });
  full.met();
  for (let second = 0; second < 3; second += 1) clock.fire(1000);
  expect(full.isFull).toBe(true);
  full.close();
  expect(log.take('warn').map(({ message }) => message)).toEqual([
    expect.stringContaining('no room for SPACE_RESERVE'),
  ]);
  log.take('error');
});

it('gives no room away that the log will take', () => {
  disk.met();
  owedBytes = Number.MAX_SAFE_INTEGER;
  clock.fire(1000);
  expect(disk.isFull).toBe(true);
  owedBytes = 0;
  clock.fire(1000);
  expect(disk.isFull).toBe(false);
  log.take('error');
  log.take('warn');
});

it('tries no more once it is closed', () => {
  disk.met();
  disk.close();
  clock.fire(1000);
  expect(steps).toEqual(['hold', 'release', 'make room']);
  disk.met();
  expect(clock.waiting(1000)).toBe(0);
});
