/** Which time zones a delivery stream may name. */

/** The older IANA names, which is what AWS knows: Asia/Calcutta, not Asia/Kolkata. */
const names: ReadonlySet<string> = new Set(Intl.supportedValuesOf('timeZone').filter((name) => name.length > 3));

export const isSupportedTimeZone = (name: string): boolean => name === 'UTC' || names.has(name);
