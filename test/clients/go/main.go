// Command round-trip uses Millrace through the AWS SDK for Go v2, unchanged: it creates a stream, puts, reads, tags and
// splits, delivers through Firehose, and looks at the errors that the SDK makes of Millrace's answers.
//
//	round-trip <endpoint> <name> [<transport>]
//
// The endpoint is http://127.0.0.1:PORT or https://localhost:PORT; the name becomes that of the stream, of the delivery
// stream and of the bucket. The transports are:
//
//	default  the SDK's own HTTP client: HTTP/1.1 for http, HTTP/2 or HTTP/1.1 (the server chooses by ALPN) for https
//	http1    HTTP/1.1 only, also for https
//	h2c      HTTP/2 with prior knowledge, for http only
//
// Credentials and region come from the SDK's default chain. CA_FILE names a PEM certificate to trust for https.
//
// Each check that passed prints its name on a line of its own. The first one that fails says on stderr what was expected
// and what came, and ends the program with status 1; so does the time limit.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

const timeLimit = 50 * time.Second

// roundTrip is what the checks share: the clients, and what earlier checks learned for later ones.
type roundTrip struct {
	kinesis  *kinesis.Client
	firehose *firehose.Client
	name     string

	shards   []types.Shard // the two shards of the new stream
	putShard string        // the id of the shard that PutRecord chose
}

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: round-trip <endpoint> <name> [default|http1|h2c]")
		os.Exit(1)
	}
	transport := "default"
	if len(os.Args) == 4 {
		transport = os.Args[3]
	}
	if err := run(os.Args[1], os.Args[2], transport); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpoint, name, transport string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()

	trip, err := newRoundTrip(ctx, endpoint, name, transport)
	if err != nil {
		return err
	}
	checks := []struct {
		name string
		run  func(context.Context) error
	}{
		{"create", trip.create},
		{"put", trip.put},
		{"batch", trip.batch},
		{"read", trip.read},
		{"tag", trip.tag},
		{"split", trip.split},
		{"deliver", trip.deliver},
		{"errors", trip.errors},
	}
	for _, check := range checks {
		if err := check.run(ctx); err != nil {
			return failure(check.name, err)
		}
		fmt.Println(check.name)
	}
	return nil
}

// failure makes one sentence of a check's name and its error. An error of the SDK does not say what was expected instead.
func failure(check string, err error) error {
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return fmt.Errorf("%s: expected success, got %w", check, err)
	}
	return fmt.Errorf("%s: %w", check, err)
}

func newRoundTrip(ctx context.Context, endpoint, name, transport string) (*roundTrip, error) {
	if transport == "h2c" && strings.HasPrefix(endpoint, "https:") {
		return nil, errors.New("expected an http endpoint for the transport h2c, got " + endpoint)
	}
	client, err := newHTTPClient(transport, os.Getenv("CA_FILE"))
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	return &roundTrip{
		kinesis:  kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = aws.String(endpoint) }),
		firehose: firehose.NewFromConfig(cfg, func(o *firehose.Options) { o.BaseEndpoint = aws.String(endpoint) }),
		name:     name,
	}, nil
}

// newHTTPClient returns the SDK's own HTTP client, changed only as far as the transport and the certificate ask for.
func newHTTPClient(transport, caFile string) (*awshttp.BuildableClient, error) {
	client := awshttp.NewBuildableClient()
	switch transport {
	case "default":
	case "http1":
		client = client.WithTransportOptions(onlyHTTP1)
	case "h2c":
		client = client.WithTransportOptions(onlyUnencryptedHTTP2)
	default:
		return nil, fmt.Errorf("expected the transport default, http1 or h2c, got %q", transport)
	}
	if caFile == "" {
		return client, nil
	}
	pool, err := readCertificates(caFile)
	if err != nil {
		return nil, err
	}
	return client.WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig.RootCAs = pool }), nil
}

func onlyHTTP1(t *http.Transport) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	// The SDK's transport is already prepared for HTTP/2: without this it would still offer h2 by ALPN.
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
}

func onlyUnencryptedHTTP2(t *http.Transport) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
}

func readCertificates(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("expected a PEM certificate in %s, got none", path)
	}
	return pool, nil
}
