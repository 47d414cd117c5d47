/** Which file system a directory is on, by texts of mounts as different systems write them. */
import { statfsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileSystemOf, freeSpace } from '../../src/database/file-system.ts';
import { temporaryDirectory } from '../support/server.ts';

/** Directories that are not there, so that only the mounts decide. */
const MOUNTS = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
23 22 0:21 / /proc rw - proc proc rw
30 22 0:30 / /nowhere/data rw,relatime - nfs4 server:/export rw,vers=4.2
31 30 254:0 /srv/inner /nowhere/data/inner rw - xfs /dev/vdb1 rw
32 22 0:32 / /nowhere/with\\040space\\134and\\011tab rw shared:7 master:2 - fuse.sshfs you@there:/home rw,user_id=0
33 22 0:33 / /nowhere/twice rw - autofs systemd-1 rw
34 33 0:34 / /nowhere/twice rw - cifs //server/share rw
35 22 0:35 /Users/you /nowhere/größe rw - fakeowner /run/host_mark/Users rw
36 22 0:36 / /nowhere/dash rw - 9p C:\\134 rw,aname=drvfs;path=C:\\
37 22 0:37 / /nowhere/bind rw master:1 propagate_from:2 unbindable - btrfs /dev/vdc rw,subvol=/a - b
half a line
`;

describe('the file system of a directory', () => {
  it.each([
    ['/nowhere', 'ext4', true],
    ['/nowhere/data', 'nfs4', false],
    ['/nowhere/data/millrace', 'nfs4', false],
    ['/nowhere/data/inner', 'xfs', true],
    ['/nowhere/data/inner/deep/er', 'xfs', true],
    ['/nowhere/data-of-others', 'ext4', true],
    ['/nowhere/with space\\and\ttab/data', 'fuse.sshfs', false],
    ['/nowhere/twice/data', 'cifs', false],
    ['/nowhere/größe', 'fakeowner', false],
    ['/nowhere/dash', '9p', false],
    ['/nowhere/bind', 'btrfs', true],
  ])('%s is %s', (directory, type, isWalSafe) => {
    expect(fileSystemOf(directory, MOUNTS)).toEqual({ type, isWalSafe });
  });

  it.each([
    ...['nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'virtiofs', 'fuse', 'fuseblk', 'fuse.grpcfuse', 'fuse.osxfs'],
    ...['grpcfuse', 'osxfs', 'fakeowner', 'drvfs', 'vboxsf', 'vmhgfs', 'prl_fs', 'ceph', 'afs', 'coda', 'gfs2'],
  ])('is not safe for a WAL when it is %s', (type) => {
    expect(fileSystemOf('/nowhere', `1 0 0:1 / / rw - ${type} source rw`)).toEqual({ type, isWalSafe: false });
  });

  it.each(['ext4', 'xfs', 'btrfs', 'zfs', 'tmpfs', 'overlay', 'f2fs', 'apfs', 'bcachefs', 'ext4fuse'])(
    'is safe for a WAL when it is %s',
    (type) => {
      expect(fileSystemOf('/nowhere', `1 0 0:1 / / rw - ${type} source rw`)).toEqual({ type, isWalSafe: true });
    },
  );

  it('is unknown, and taken to be safe, where nothing tells it', () => {
    expect(fileSystemOf('/nowhere', '')).toEqual({ type: 'unknown', isWalSafe: true });
  });

  it('is that of the place that a link leads to', () => {
    const directory = temporaryDirectory();
    const link = join(directory, 'link');
    symlinkSync('/proc', link);
    const mounts = `1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /proc rw - proc proc rw\n`;
    expect(fileSystemOf(link, mounts).type).toBe(process.platform === 'linux' ? 'proc' : 'ext4');
  });

  it('of the machine that runs this is told', () => {
    expect(fileSystemOf(temporaryDirectory())).toEqual({ type: expect.any(String), isWalSafe: expect.any(Boolean) });
    if (process.platform === 'linux') expect(fileSystemOf('/proc')).toEqual({ type: 'proc', isWalSafe: true });
  });
});

it('free space is what programs without privileges can use', () => {
  const directory = temporaryDirectory();
  const { blocks, bsize } = statfsSync(directory);
  const { freeBytes, totalBytes } = freeSpace(directory);
  expect(totalBytes).toBe(blocks * bsize);
  expect(freeBytes).toBeGreaterThan(0);
  expect(freeBytes).toBeLessThanOrEqual(totalBytes);
});
