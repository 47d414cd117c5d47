/** Names of tables and columns as they stand in a CopyCommand, and as they may stand in a statement. Pure. */

/** A name in double quotes, or one that needs none and is folded to lower case. */
const NAME = /^(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))/u;
const NAME_BYTES_MAX = 63;
const PARTS_MAX = 2;

/** `DataTableName` as its parts: a table, or a schema and a table. Undefined when it is no name. */
export function tableNameOf(text: string): readonly string[] | undefined {
  const parts = namesOf(text, '.');
  return parts !== undefined && parts.length <= PARTS_MAX ? parts : undefined;
}

/** `DataTableColumns` as names; none when it is absent or blank. Undefined when they are no names. */
export function columnNamesOf(text: string | undefined): readonly string[] | undefined {
  return (text ?? '').trim() === '' ? [] : namesOf(text!, ',');
}

function namesOf(text: string, separator: string): readonly string[] | undefined {
  const names: string[] = [];
  let rest = text.trim();
  for (;;) {
    const match = NAME.exec(rest);
    if (match === null) return undefined;
    const name = match[1]?.replaceAll('""', '"') ?? match[2]!.toLowerCase();
    if (name.includes('\0') || Buffer.byteLength(name) > NAME_BYTES_MAX) return undefined;
    names.push(name);
    rest = rest.slice(match[0].length).trimStart();
    if (rest === '') return names;
    if (!rest.startsWith(separator)) return undefined;
    rest = rest.slice(separator.length).trimStart();
  }
}

/** A name as it may stand in a statement. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
