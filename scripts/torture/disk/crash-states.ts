/**
 * What a power cut at a moment of a recording could leave on the disk, after ALICE (OSDI 2014). What was synced before
 * the cut is there. Everything else that had begun may be there, or not, or in part, whatever came first:
 *
 * - a write: whole, not at all, some of its sectors, or only the length that it gave the file;
 * - a name: given or not, taken away or not. A rename within a directory is one change; between two directories it is
 *   two, in the strict model.
 *
 * In the strict model a name is durable when its directory was synced. In that of ext4 syncing a file also makes the
 * names durable that lead to it.
 */
import type { Random } from '../random.ts';
import type { Content, DirectoryNode, FileNode, Moment, Naming, Node, Recording } from './recording.ts';

export type Model = 'strict' | 'ext4';
export const MODELS: readonly Model[] = ['strict', 'ext4'];

/**
 * What becomes of what was not synced: `none` or `all` of it is there; all `until` some moment; all `but one`; only the
 * names, or only the bytes; `each` as chance will have it.
 */
export const HABITS = ['none', 'all', 'until', 'but one', 'names', 'bytes', 'each', 'torn'] as const;
export type Habit = (typeof HABITS)[number];

export interface Cut {
  readonly atNs: number;
  readonly model: Model;
  readonly habit: Habit;
}

export interface CrashState {
  /** Files by their paths, and directories that have nothing in them with undefined. */
  readonly files: ReadonlyMap<string, Buffer | undefined>;
  /** How many changes that had begun are not there, or not whole. */
  readonly lost: number;
  /** How many changes were synced, and had to be there. */
  readonly durable: number;
}

/** What becomes of a change that was not synced. */
type Fate = 'kept' | 'lost' | 'torn' | 'sized';

/** One state of those that `cut` allows; `random` decides which. */
export function crashState(recording: Recording, cut: Cut, random: Random): CrashState {
  const covered = coverage(cut);
  const decide = decisions(recording, cut, covered, random);
  const counts = { lost: 0, durable: 0 };

  const entries = new Map<DirectoryNode, Map<string, Node>>();
  const apply = ({ directory, name, target }: Naming['parts'][number]): void => {
    const own = entries.get(directory) ?? new Map<string, Node>();
    entries.set(directory, own);
    if (target === undefined) own.delete(name);
    else own.set(name, target);
  };
  for (const naming of recording.namings) {
    if (naming.startNs >= cut.atNs) break;
    const isOne =
      cut.model === 'ext4' || naming.parts.every(({ directory }) => directory === naming.parts[0]!.directory);
    for (const parts of isOne ? [naming.parts] : naming.parts.map((part) => [part])) {
      const isDurable = parts.some((part) => naming.endNs <= covered.name(part.directory, part.target));
      const isThere = isDurable || decide(naming, 'name') === 'kept';
      counts[isThere ? 'durable' : 'lost'] += isDurable || !isThere ? 1 : 0;
      if (isThere) parts.forEach(apply);
    }
  }

  const files = new Map<string, Buffer | undefined>();
  const visit = (directory: DirectoryNode, path: string): void => {
    for (const [name, node] of entries.get(directory) ?? []) {
      const own = `${path}/${name}`;
      if (node.kind === 'directory') {
        files.set(own, undefined);
        visit(node, own);
      } else files.set(own, contentOf(node, cut, { durableNs: covered.bytes(node), decide, random, counts }));
    }
  };
  visit(recording.root, '');
  return { files, ...counts };
}

interface Coverage {
  /** Whatever had ended before this moment was synced, of the bytes of a file, or of the names in a directory. */
  bytes(node: Node): number;
  name(directory: DirectoryNode, target: Node | undefined): number;
}

function coverage({ atNs, model }: Cut): Coverage {
  const own = new Map<Node, number>();
  const below = new Map<Node, number>();
  const bytes = (node: Node): number => {
    let coveredNs = own.get(node);
    if (coveredNs === undefined) {
      coveredNs = 0;
      for (const { startNs, endNs } of node.syncs) if (endNs <= atNs && startNs > coveredNs) coveredNs = startNs;
      own.set(node, coveredNs);
    }
    return coveredNs;
  };
  const withMembers = (node: Node): number => {
    let coveredNs = below.get(node);
    if (coveredNs === undefined) {
      coveredNs = bytes(node);
      // Two directories that were named in each other one after the other.
      below.set(node, coveredNs);
      if (node.kind === 'directory') {
        for (const member of node.members) coveredNs = Math.max(coveredNs, withMembers(member));
      }
      below.set(node, coveredNs);
    }
    return coveredNs;
  };
  return {
    bytes,
    name: (directory, target) =>
      model === 'strict' || target === undefined ? bytes(directory) : Math.max(bytes(directory), withMembers(target)),
  };
}

type Decide = (change: Moment, what: 'name' | 'bytes') => Fate;

function decisions(recording: Recording, { atNs, habit }: Cut, covered: Coverage, random: Random): Decide {
  const isOpen = ({ startNs, endNs }: Moment, coveredNs: number) => startNs < atNs && endNs > coveredNs;
  switch (habit) {
    case 'none':
      return () => 'lost';
    case 'all':
      return () => 'kept';
    case 'names':
      return (_, what) => (what === 'name' ? 'kept' : random.pick(['lost', 'sized']));
    case 'bytes':
      return (_, what) => (what === 'bytes' ? 'kept' : 'lost');
    case 'torn':
      return (_, what) => (what === 'bytes' ? 'torn' : random.pick(['kept', 'lost']));
    case 'each': {
      const likelihood = random.pick([0.2, 0.5, 0.8]);
      return (_, what) =>
        random.chance(likelihood) ? 'kept' : what === 'name' ? 'lost' : random.pick(['lost', 'lost', 'torn', 'sized']);
    }
    default: {
      const open = [
        ...recording.namings.filter((naming) =>
          naming.parts.some(({ directory, target }) => isOpen(naming, covered.name(directory, target))),
        ),
        ...recording.files.flatMap((file) => file.changes.filter((change) => isOpen(change, covered.bytes(file)))),
      ];
      const chosen = open.length === 0 ? undefined : random.pick(open);
      if (habit === 'but one') return (change) => (change.startNs === chosen?.startNs ? 'lost' : 'kept');
      return (change) => (change.startNs < (chosen?.startNs ?? 0) ? 'kept' : 'lost');
    }
  }
}

interface Making {
  readonly durableNs: number;
  readonly decide: Decide;
  readonly random: Random;
  readonly counts: { lost: number; durable: number };
}

function contentOf(file: FileNode, { atNs }: Cut, { durableNs, decide, random, counts }: Making): Buffer {
  const content = new GrowingFile();
  for (const change of file.changes) {
    if (change.startNs >= atNs) break;
    const isDurable = change.endNs <= durableNs;
    const fate = isDurable ? 'kept' : decide(change, 'bytes');
    if (isDurable) counts.durable += 1;
    else if (fate !== 'kept') counts.lost += 1;
    if (fate === 'kept') keep(content, change);
    else if (fate === 'sized' && change.kind === 'write') content.extend(change.offset + change.bytes.length);
    else if (fate === 'torn' && change.kind === 'write') tear(content, change, random);
  }
  return content.bytes();
}

function keep(content: GrowingFile, { kind, offset, bytes }: Content): void {
  if (kind === 'write') content.write(offset, bytes);
  else if (kind === 'truncate') content.truncate(offset);
  else content.extend(offset);
}

/** Some of the sectors that a write covers; the others are as they were. */
function tear(content: GrowingFile, { offset, bytes }: Content, random: Random): void {
  const sectorBytes = random.pick([512, 4096]);
  const isInOrder = random.chance(0.5);
  const likelihood = random.pick([0.3, 0.7, 0.9]);
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + sectorBytes - ((offset + from) % sectorBytes));
    if (random.chance(likelihood)) content.write(offset + from, bytes.subarray(from, to));
    else if (isInOrder) return;
    from = to;
  }
}

/** A file in memory. What nobody has written is zero. */
class GrowingFile {
  #bytes = Buffer.alloc(1 << 16);
  #size = 0;

  write(offset: number, bytes: Buffer): void {
    this.extend(offset + bytes.length);
    bytes.copy(this.#bytes, offset);
  }

  extend(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    this.#size = Math.max(this.#size, size);
  }

  truncate(size: number): void {
    this.extend(size);
    this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}
