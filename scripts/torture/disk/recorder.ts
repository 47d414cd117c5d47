/** Has recorder.c compiled, and says how a server is started under it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const COMPILE_LIMIT_MS = 60_000;

/** In the sources: this file is run as dist/scripts/torture/disk/recorder.js. */
const SOURCE = fileURLToPath(new URL('../../../../scripts/torture/recorder/recorder.c', import.meta.url));

/** Compiles the recorder into `directory`; returns the library. */
export async function compileRecorder(directory: string): Promise<string> {
  const library = join(directory, 'recorder.so');
  const flags = ['-O2', '-Wall', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread'];
  await promisify(execFile)('gcc', flags, { timeout: COMPILE_LIMIT_MS });
  return library;
}

/** Variables under which a program records what it does below `root`, which has no symbolic link in its path. */
export const recordingEnvironment = (library: string, root: string, log: string): Record<string, string> => ({
  LD_PRELOAD: library,
  RECORD_ROOT: root,
  RECORD_LOG: log,
  // The recorder sees the C library only.
  UV_USE_IO_URING: '0',
});
