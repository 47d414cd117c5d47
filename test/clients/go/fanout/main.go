// Command fanout reads a stream through enhanced fan-out with the AWS SDK for Go v2; test/clients/fan-out.test.ts says
// how.
//
//	fanout <endpoint> <stream> <consumer>
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

const timeLimit = 80 * time.Second

// reader is a consumer, and which shards it has begun and ended.
type reader struct {
	client      *kinesis.Client
	consumerARN *string

	mutex    sync.Mutex
	followed map[string]bool
	ended    map[string]bool
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: fanout <endpoint> <stream> <consumer>")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpoint, stream, consumer string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	settings, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint))
	if err != nil {
		return err
	}
	r := &reader{client: kinesis.NewFromConfig(settings), followed: map[string]bool{}, ended: map[string]bool{}}
	if err := r.register(ctx, stream, consumer); err != nil {
		return err
	}
	listed, err := r.client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &stream})
	if err != nil {
		return err
	}
	var ids []string
	for _, shard := range listed.Shards {
		ids = append(ids, *shard.ShardId)
	}
	return r.followAll(ctx, ids)
}

func (r *reader) register(ctx context.Context, stream, consumer string) error {
	summary, err := r.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
	if err != nil {
		return err
	}
	arn := summary.StreamDescriptionSummary.StreamARN
	input := &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: &consumer}
	if _, err := r.client.RegisterStreamConsumer(ctx, input); err != nil {
		return err
	}
	for {
		input := &kinesis.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: &consumer}
		found, err := r.client.DescribeStreamConsumer(ctx, input)
		if err != nil {
			return err
		}
		if found.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive {
			r.consumerARN = found.ConsumerDescription.ConsumerARN
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *reader) followAll(ctx context.Context, ids []string) error {
	failures := make(chan error)
	for _, id := range ids {
		go func() { failures <- r.followLineage(ctx, id) }()
	}
	var all []error
	for range ids {
		all = append(all, <-failures)
	}
	return errors.Join(all...)
}

// followLineage follows the shard and then those children of which all parents have ended.
func (r *reader) followLineage(ctx context.Context, id string) error {
	r.mutex.Lock()
	begun := r.followed[id]
	r.followed[id] = true
	r.mutex.Unlock()
	if begun {
		return nil
	}
	children, err := r.follow(ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return r.followAll(ctx, r.readyChildren(id, children))
}

func (r *reader) readyChildren(id string, children []types.ChildShard) []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ended[id] = true
	var ready []string
	for _, child := range children {
		missing := 0
		for _, parent := range child.ParentShards {
			if !r.ended[parent] {
				missing++
			}
		}
		if missing == 0 {
			ready = append(ready, *child.ShardId)
		}
	}
	return ready
}

// follow returns the children of the shard, once it has ended; none when its last record says that there are no more.
func (r *reader) follow(ctx context.Context, id string) ([]types.ChildShard, error) {
	position := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	for {
		children, isOver, err := r.subscribe(ctx, id, position)
		if isOver {
			return children, nil
		}
		if err != nil {
			if !isTransient(ctx, err) {
				return nil, err
			}
			fmt.Println(id, "again", strings.ReplaceAll(err.Error(), "\n", " "))
			time.Sleep(200 * time.Millisecond)
		} else {
			fmt.Println(id, "again after its stream has ended")
		}
	}
}

// subscribe moves position forward with every event until the subscription, the shard or what was put is over.
func (r *reader) subscribe(ctx context.Context, id string, position *types.StartingPosition) ([]types.ChildShard, bool, error) {
	input := &kinesis.SubscribeToShardInput{ConsumerARN: r.consumerARN, ShardId: &id, StartingPosition: position}
	output, err := r.client.SubscribeToShard(ctx, input)
	if err != nil {
		return nil, false, err
	}
	stream := output.GetStream()
	defer stream.Close()
	for part := range stream.Events() {
		member, ok := part.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			return nil, false, fmt.Errorf("an event of type %T", part)
		}
		event := member.Value
		for _, record := range event.Records {
			if string(record.Data) == "end" {
				return nil, true, nil
			}
			fmt.Println(id, *record.SequenceNumber, string(record.Data))
		}
		if event.ChildShards != nil {
			var ids []string
			for _, child := range event.ChildShards {
				ids = append(ids, *child.ShardId)
			}
			fmt.Println(id, "end", strings.Join(ids, ","))
			return event.ChildShards, true, nil
		}
		position.Type = types.ShardIteratorTypeAfterSequenceNumber
		position.SequenceNumber = aws.String(*event.ContinuationSequenceNumber)
	}
	return nil, false, stream.Err()
}

// isTransient tells whether a later attempt may succeed: no connection, or a subscription that is still held.
func isTransient(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return true
	}
	return refusal.ErrorCode() == "ResourceInUseException" || refusal.ErrorCode() == "LimitExceededException"
}
