/** The clusters that documents go to: at their own address, or at that of a server that stands in for domains on AWS. */
import type { World } from '../../call.ts';
import type { ElasticsearchDescription } from '../destinations/elasticsearch.ts';
import { isAwsHost } from '../network.ts';
import { connectCluster, type RemoteCluster } from './remote-cluster.ts';

export type SearchCluster =
  | { readonly kind: 'remote'; readonly cluster: RemoteCluster }
  /** No server: a name for indices in the Millrace database. */
  | { readonly kind: 'local'; readonly domain: string };

export interface SearchClusters {
  of(description: Pick<ElasticsearchDescription, 'ClusterEndpoint' | 'DomainARN'>): Promise<SearchCluster>;
  close(): Promise<void>;
}

/** So many connections are kept for later. */
const CONNECTED_MAX = 50;

/** `endpoint` is the URL of what stands in for domains on AWS; empty: their documents are kept in the database. */
export function openSearchClusters(endpoint: string, world: Pick<World, 'clock'>): SearchClusters {
  const connected = new Map<string, Promise<RemoteCluster>>();
  const closeAll = async () => {
    const clusters = [...connected.values()];
    connected.clear();
    for (const cluster of clusters) await (await cluster).close();
  };
  const connect = async (url: string) => {
    if (!connected.has(url) && connected.size >= CONNECTED_MAX) await closeAll();
    const cluster = connected.get(url) ?? connectCluster(url, world.clock);
    connected.set(url, cluster);
    return cluster;
  };
  return {
    async of({ ClusterEndpoint, DomainARN }) {
      const own = ClusterEndpoint !== undefined && !isAwsHost(new URL(ClusterEndpoint).hostname);
      const url = own ? ClusterEndpoint : endpoint;
      if (url === '') return { kind: 'local', domain: (DomainARN ?? ClusterEndpoint)! };
      return { kind: 'remote', cluster: await connect(url) };
    },
    close: closeAll,
  };
}
