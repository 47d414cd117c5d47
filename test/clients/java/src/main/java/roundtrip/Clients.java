package roundtrip;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.function.Function;

import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.TlsTrustManagersProvider;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.firehose.FirehoseAsyncClient;
import software.amazon.awssdk.services.firehose.FirehoseClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.utils.AttributeMap;

/** The clients of both services on one of the transports, all behind the interface of the synchronous ones. */
record Clients(KinesisClient kinesis, FirehoseClient firehose) implements AutoCloseable {

    private static final ClientOverrideConfiguration BOUNDED =
        ClientOverrideConfiguration.builder().apiCallTimeout(Duration.ofSeconds(10)).build();

    static Clients open(URI endpoint, String transport) {
        return switch (transport) {
            case "netty" -> asynchronous(endpoint);
            case "url" -> synchronous(endpoint, Clients::url);
            case "apache" -> synchronous(endpoint, Clients::apache);
            default -> throw new IllegalArgumentException(transport + " is none of netty, url and apache.");
        };
    }

    @Override
    public void close() {
        kinesis.close();
        firehose.close();
    }

    private static Clients asynchronous(URI endpoint) {
        KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
            .endpointOverride(endpoint)
            .overrideConfiguration(BOUNDED)
            .httpClientBuilder(defaults -> netty(Protocol.HTTP2, defaults))
            .build();
        FirehoseAsyncClient firehose = FirehoseAsyncClient.builder()
            .endpointOverride(endpoint)
            .overrideConfiguration(BOUNDED)
            .httpClientBuilder(defaults -> netty(Protocol.HTTP1_1, defaults))
            .build();
        return new Clients(new BlockingKinesis(kinesis), new BlockingFirehose(firehose));
    }

    private static Clients synchronous(URI endpoint, Function<AttributeMap, SdkHttpClient> transport) {
        KinesisClient kinesis = KinesisClient.builder()
            .endpointOverride(endpoint)
            .overrideConfiguration(BOUNDED)
            .httpClientBuilder(transport::apply)
            .build();
        FirehoseClient firehose = FirehoseClient.builder()
            .endpointOverride(endpoint)
            .overrideConfiguration(BOUNDED)
            .httpClientBuilder(transport::apply)
            .build();
        return new Clients(kinesis, firehose);
    }

    private static SdkAsyncHttpClient netty(Protocol protocol, AttributeMap defaults) {
        return NettyNioAsyncHttpClient.builder()
            .protocol(protocol)
            .tlsTrustManagersProvider(trustedFile())
            .buildWithDefaults(trust().merge(defaults));
    }

    private static SdkHttpClient url(AttributeMap defaults) {
        return UrlConnectionHttpClient.builder()
            .tlsTrustManagersProvider(trustedFile())
            .buildWithDefaults(trust().merge(defaults));
    }

    private static SdkHttpClient apache(AttributeMap defaults) {
        return ApacheHttpClient.builder()
            .tlsTrustManagersProvider(trustedFile())
            .buildWithDefaults(trust().merge(defaults));
    }

    /** Trust in every certificate, unless there is a file of the one to trust; a client takes one of the two only. */
    private static AttributeMap trust() {
        return AttributeMap.builder()
            .put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, System.getenv("CA_FILE") == null)
            .build();
    }

    private static TlsTrustManagersProvider trustedFile() {
        String file = System.getenv("CA_FILE");
        if (file == null) {
            return null;
        }
        TrustManager[] managers = trustManagers(Path.of(file));
        return () -> managers;
    }

    private static TrustManager[] trustManagers(Path pem) {
        try (InputStream in = Files.newInputStream(pem)) {
            Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(in);
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            store.setCertificateEntry("trusted", certificate);
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            return factory.getTrustManagers();
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalArgumentException("CA_FILE " + pem + " cannot be used: " + e.getMessage(), e);
        }
    }
}
