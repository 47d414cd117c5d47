/** Messages of failed validation, taken apart. */

/** The items of a validation message. Throws unless their number is the one that the message announces. */
export function itemsOf(message: string): string[] {
  const [, count, plural, list] = /^(\d+) validation error(s?) detected: (.*)$/s.exec(message) ?? [];
  const items = list?.split('; ') ?? [];
  if (Number(count) !== items.length || (plural === 's') !== items.length > 1) throw new Error(message.slice(0, 500));
  return items;
}

/** The paths in them. */
export const pathsOf = (items: readonly string[]) =>
  items.map((item) => /^Value .*?at '(\S+)' failed to satisfy constraint: /s.exec(item)?.[1]);
