/** Where a cluster is: what its JDBC URL says. Pure. */

export interface ClusterUrl {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** The parts of a JDBC URL that has passed validation. */
export function parseJdbcUrl(url: string): ClusterUrl {
  const [, host, port, database] = /^jdbc:\w+:\/\/(.+):(\d+)\/([^/]+)$/.exec(url)!;
  return { host: host!.replace(/^\[|\]$/g, ''), port: Number(port), database: database! };
}
