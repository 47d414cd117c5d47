/** Other programs on the data file: the sqlite3 command, as people use it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Cleanup } from '../../bench/cleanup.ts';

export interface Inspector {
  readonly pid: number;
  /** Executes statements; resolves with what it printed, errors included. */
  run(sql: string): Promise<string>;
  /** Leaves in order, as with `.quit`. */
  leave(): Promise<void>;
}

/** A sqlite3 command that stays and holds what it took, until it leaves. */
export function inspect(dataDir: string, cleanup: Cleanup): Inspector {
  // Interactive, because otherwise it keeps its output back until it ends.
  const child = spawn('sqlite3', ['-interactive', '-init', '/dev/null', join(dataDir, 'millrace.db')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = exitOf(child);
  cleanup.add(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let output = '';
  let token = 0;
  let told: () => void = () => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      told();
    });
  }
  // A write to a command that has ended is told by its exit.
  child.stdin.on('error', () => undefined);
  return {
    pid: child.pid!,
    async run(sql) {
      output = '';
      token += 1;
      // What is typed may be echoed, so the end must not read as it is typed.
      const end = `done-${token}.`;
      const typed = `${sql}\nselect 'done-' || '${token}.';`;
      child.stdin.write(`${typed}\n`);
      while (!output.includes(end) && child.exitCode === null && child.signalCode === null) {
        await Promise.race([new Promise<void>((resolve) => (told = resolve)), exited]);
      }
      return printed(output.split(end)[0]!, typed);
    },
    async leave() {
      child.stdin.end('.quit\n');
      await exited;
    },
  };
}

/** Without prompts, the greeting, and the echo of what was typed. */
function printed(output: string, typed: string): string {
  const echoes = new Set(typed.split('\n'));
  return output
    .replaceAll(/(sqlite>|\.\.\.>) /g, '')
    .split('\n')
    .filter((line) => !echoes.has(line) && !/^(SQLite version|Enter "\.help")/.test(line))
    .join('\n')
    .trim();
}

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** One sqlite3 command with these statements, from its start to its end. */
export async function runOnce(dataDir: string, sql: string, cleanup: Cleanup): Promise<Finished> {
  const child = spawn('sqlite3', ['-init', '/dev/null', join(dataDir, 'millrace.db'), sql]);
  const exited = exitOf(child);
  cleanup.add(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return { code: await exited, output };
}

const exitOf = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => {
    child.once('close', resolve);
    child.once('error', () => resolve(null));
  });
