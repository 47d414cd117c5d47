/**
 * A recording as a file system sees it: files that got bytes, directories that got names, and when each was synced.
 * Inode numbers and paths, which change their meaning, are resolved to the files and directories they stood for.
 */
import type { Operation } from './write-log.ts';

export interface FileNode {
  readonly kind: 'file';
  readonly changes: Content[];
  readonly syncs: Moment[];
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly syncs: Moment[];
  /** Everything that ever had a name in it. */
  readonly members: Set<Node>;
}

export type Node = FileNode | DirectoryNode;

export interface Moment {
  readonly startNs: number;
  readonly endNs: number;
}

/** A change of the bytes of a file. */
export interface Content extends Moment {
  readonly kind: 'write' | 'truncate' | 'extend';
  /** Where the bytes begin; or the size. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** What a name in a directory stands for afterwards: nothing when it was taken away. */
export interface NamePart {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly target: Node | undefined;
}

/** A change of names: one part, or for a rename two. */
export interface Naming extends Moment {
  readonly parts: readonly NamePart[];
}

export interface Recording {
  readonly root: DirectoryNode;
  readonly namings: readonly Naming[];
  readonly files: readonly FileNode[];
  readonly operations: readonly Operation[];
}

/** Resolves the operations of a recording that began with an empty directory, which has the inode `rootInode`. */
export function resolveRecording(operations: readonly Operation[], rootInode: number): Recording {
  const root: DirectoryNode = { kind: 'directory', syncs: [], members: new Set() };
  const nodes = new Map<number, Node>([[rootInode, root]]);
  const entries = new Map<DirectoryNode, Map<string, Node>>();
  const namings: Naming[] = [];
  const files: FileNode[] = [];

  const entriesOf = (directory: DirectoryNode): Map<string, Node> => {
    let own = entries.get(directory);
    if (own === undefined) {
      own = new Map();
      entries.set(directory, own);
    }
    return own;
  };
  const placeOf = (path: string): { directory: DirectoryNode; name: string } => {
    const segments = path.split('/').slice(1);
    let directory = root;
    for (const name of segments.slice(0, -1)) {
      const node = entriesOf(directory).get(name);
      if (node?.kind !== 'directory') throw new Error(`The recording has no directory for ${path}.`);
      directory = node;
    }
    return { directory, name: segments.at(-1)! };
  };
  const nodeOf = (inode: number): Node => {
    const node = nodes.get(inode);
    if (node === undefined) throw new Error(`The recording does not say how the inode ${inode} came to be.`);
    return node;
  };
  const name = ({ startNs, endNs }: Moment, changes: readonly { path: string; target: Node | undefined }[]): void => {
    const parts = changes.map(({ path, target }) => ({ ...placeOf(path), target }));
    for (const { directory, name: own, target } of parts) {
      if (target === undefined) entriesOf(directory).delete(own);
      else entriesOf(directory).set(own, target);
      if (target !== undefined) directory.members.add(target);
    }
    namings.push({ startNs, endNs, parts });
  };
  const addFile = (): FileNode => {
    const file: FileNode = { kind: 'file', changes: [], syncs: [] };
    files.push(file);
    return file;
  };

  for (const operation of operations) {
    switch (operation.kind) {
      case 'create':
      case 'makeDirectory': {
        const target: Node =
          operation.kind === 'create' ? addFile() : { kind: 'directory', syncs: [], members: new Set() };
        nodes.set(operation.inode, target);
        name(operation, [{ path: operation.path, target }]);
        break;
      }
      case 'link':
        name(operation, [{ path: operation.path, target: nodeOf(operation.inode) }]);
        break;
      case 'rename':
        name(operation, [
          { path: operation.path, target: undefined },
          { path: operation.to, target: nodeOf(operation.inode) },
        ]);
        break;
      case 'remove':
        name(operation, [{ path: operation.path, target: undefined }]);
        break;
      case 'sync':
        nodeOf(operation.inode).syncs.push(operation);
        break;
      default: {
        const file = nodeOf(operation.inode);
        if (file.kind === 'directory') throw new Error('The recording has bytes of a directory.');
        file.changes.push(contentOf(operation));
      }
    }
  }
  return { root, namings, files, operations };
}

const NO_BYTES = Buffer.alloc(0);

function contentOf(operation: Operation & { readonly kind: 'write' | 'truncate' | 'extend' }): Content {
  const { kind, startNs, endNs } = operation;
  if (kind === 'write') return { kind, startNs, endNs, offset: operation.offset, bytes: operation.bytes };
  return { kind, startNs, endNs, offset: operation.size, bytes: NO_BYTES };
}
