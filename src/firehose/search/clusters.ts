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
  close(): void;
}

/** So many are kept for later: more than can be in use at once, so that the one used longest ago is idle. */
const CONNECTED_MAX = 100;

/** `endpoint` is the URL of what stands in for domains on AWS; empty: their documents are kept in the database. */
export function openSearchClusters(endpoint: string, world: Pick<World, 'clock'>): SearchClusters {
  const connected = new Map<string, Promise<RemoteCluster>>();
  // Not waited for: a request that hangs ends by its own limit.
  const disconnect = (url: string) => {
    void connected
      .get(url)
      ?.then((cluster) => cluster.close())
      .catch(() => {});
    connected.delete(url);
  };
  const connect = async (url: string) => {
    const cluster = connected.get(url) ?? connectCluster(url, world.clock);
    connected.delete(url);
    if (connected.size >= CONNECTED_MAX) disconnect(connected.keys().next().value!);
    // The last one in the order is the one used last.
    connected.set(url, cluster);
    return cluster.catch((error) => {
      connected.delete(url);
      throw error;
    });
  };
  return {
    async of({ ClusterEndpoint, DomainARN }) {
      const own = ClusterEndpoint !== undefined && !isAwsHost(new URL(ClusterEndpoint).hostname);
      const url = own ? ClusterEndpoint : endpoint;
      if (url === '') return { kind: 'local', domain: (DomainARN ?? ClusterEndpoint)! };
      return { kind: 'remote', cluster: await connect(url) };
    },
    close() {
      for (const url of [...connected.keys()]) disconnect(url);
    },
  };
}
