/** Stand-in until the real file is written: overwrite it. */
export const objectKey = (p: any): string => { const t = new Date(p.oldestArrivedMs).toISOString(); return `${p.prefix ?? ''}${t.slice(0, 13).replaceAll('-', '/').replace('T', '/')}/${p.name}-${p.version}-${t.slice(0, 19).replaceAll(/[T:]/g, '-')}-${p.uuid}${p.extension}`; };
