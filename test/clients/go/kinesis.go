package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	shardCount = 2
	batchSize  = 500
	putKey     = "clé-ключ-🔑"
)

// record is what a put gives and a read returns.
type record struct {
	key, data string
}

func (t *roundTrip) create(ctx context.Context) error {
	_, err := t.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: aws.String(t.name),
		ShardCount: aws.Int32(shardCount),
	})
	if err != nil {
		return err
	}
	stream, err := t.activeStream(ctx)
	if err != nil {
		return err
	}
	t.shards = stream.Shards
	arn := aws.ToString(stream.StreamARN)
	return cmp.Or(
		expectRecent("StreamCreationTimestamp", stream.StreamCreationTimestamp),
		expectEqual("the number of shards", shardCount, len(stream.Shards)),
		expectThat(strings.HasSuffix(arn, ":stream/"+t.name), "StreamARN to end with :stream/"+t.name, arn),
	)
}

// activeStream waits until the stream is ACTIVE and returns its description.
func (t *roundTrip) activeStream(ctx context.Context) (*types.StreamDescription, error) {
	var stream *types.StreamDescription
	err := waitFor(ctx, string(types.StreamStatusActive), func() (string, error) {
		answer, err := t.kinesis.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String(t.name)})
		if err != nil {
			return "", err
		}
		if answer.StreamDescription == nil {
			return "", errors.New("expected a StreamDescription, got none")
		}
		stream = answer.StreamDescription
		return string(stream.StreamStatus), expectRanges(stream.Shards)
	})
	return stream, err
}

// expectRanges checks that the shards have the parts that all other checks rely on.
func expectRanges(shards []types.Shard) error {
	for _, shard := range shards {
		if err := cmp.Or(
			expectThat(shard.HashKeyRange != nil, "a HashKeyRange of each shard", nil),
			expectThat(shard.SequenceNumberRange != nil, "a SequenceNumberRange of each shard", nil),
		); err != nil {
			return err
		}
	}
	return nil
}

func (t *roundTrip) put(ctx context.Context) error {
	answer, err := t.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName:   aws.String(t.name),
		PartitionKey: aws.String(putKey),
		Data:         everyByte(),
	})
	if err != nil {
		return err
	}
	if _, err := decimal("a SequenceNumber", answer.SequenceNumber); err != nil {
		return err
	}
	t.putShard = aws.ToString(answer.ShardId)
	return expectThat(strings.HasPrefix(t.putShard, "shardId-"), "ShardId to start with shardId-", t.putShard)
}

// everyByte returns the 256 values of a byte in order.
func everyByte() []byte {
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	return data
}

func (t *roundTrip) batch(ctx context.Context) error {
	entries := make([]types.PutRecordsRequestEntry, 0, batchSize)
	for _, record := range batchRecords() {
		entries = append(entries, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(record.key),
			Data:         []byte(record.data),
		})
	}
	answer, err := t.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String(t.name), Records: entries})
	if err != nil {
		return err
	}
	if err := cmp.Or(
		expectThat(answer.FailedRecordCount != nil, "a FailedRecordCount", nil),
		expectEqual("FailedRecordCount", 0, aws.ToInt32(answer.FailedRecordCount)),
		expectEqual("the number of entries", batchSize, len(answer.Records)),
	); err != nil {
		return err
	}
	for i, entry := range answer.Records {
		if err := cmp.Or(
			expectEqual(fmt.Sprintf("ErrorCode of entry %d", i), "", aws.ToString(entry.ErrorCode)),
			expectThat(aws.ToString(entry.SequenceNumber) != "", fmt.Sprintf("a SequenceNumber in entry %d", i), ""),
		); err != nil {
			return err
		}
	}
	return nil
}

func batchRecords() []record {
	records := make([]record, batchSize)
	for i := range records {
		records[i] = record{key: fmt.Sprintf("key-%d", i), data: fmt.Sprintf("record %d", i)}
	}
	return records
}

func (t *roundTrip) read(ctx context.Context) error {
	var actual []record
	var ofPutShard []types.Record
	for _, shard := range t.shards {
		page, err := t.readShard(ctx, &kinesis.GetShardIteratorInput{
			ShardId:           shard.ShardId,
			ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			return err
		}
		if err := expectOrder(page); err != nil {
			return err
		}
		for _, r := range page {
			actual = append(actual, toRecord(r))
		}
		if aws.ToString(shard.ShardId) == t.putShard {
			ofPutShard = page
		}
	}
	expected := append(batchRecords(), record{key: putKey, data: string(everyByte())})
	if err := expectSameRecords(expected, actual); err != nil {
		return err
	}
	return t.readInside(ctx, ofPutShard)
}

// readInside starts to read at a time and after a record; all are the records from TRIM_HORIZON on.
func (t *roundTrip) readInside(ctx context.Context, all []types.Record) error {
	if len(all) < 2 {
		return fmt.Errorf("expected 2 or more records in %s, got %d", t.putShard, len(all))
	}
	sinceHourAgo, err := t.readShard(ctx, &kinesis.GetShardIteratorInput{
		ShardId:           aws.String(t.putShard),
		ShardIteratorType: types.ShardIteratorTypeAtTimestamp,
		Timestamp:         aws.Time(time.Now().Add(-time.Hour)),
	})
	if err != nil {
		return err
	}
	afterFirst, err := t.readShard(ctx, &kinesis.GetShardIteratorInput{
		ShardId:                aws.String(t.putShard),
		ShardIteratorType:      types.ShardIteratorTypeAfterSequenceNumber,
		StartingSequenceNumber: all[0].SequenceNumber,
	})
	if err != nil {
		return err
	}
	return cmp.Or(
		expectFirst("AT_TIMESTAMP", all[0], sinceHourAgo),
		expectFirst("AFTER_SEQUENCE_NUMBER", all[1], afterFirst),
	)
}

// readShard returns the records from the start that the input asks for up to the tip of the shard.
func (t *roundTrip) readShard(ctx context.Context, start *kinesis.GetShardIteratorInput) ([]types.Record, error) {
	start.StreamName = aws.String(t.name)
	answer, err := t.kinesis.GetShardIterator(ctx, start)
	if err != nil {
		return nil, err
	}
	var records []types.Record
	for iterator := answer.ShardIterator; ; {
		page, err := t.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return nil, err
		}
		if err := cmp.Or(
			expectThat(page.MillisBehindLatest != nil, "a MillisBehindLatest", nil),
			expectThat(page.NextShardIterator != nil, "a NextShardIterator of an open shard", nil),
		); err != nil {
			return nil, err
		}
		if len(page.Records) == 0 && *page.MillisBehindLatest == 0 {
			return records, nil
		}
		records = append(records, page.Records...)
		iterator = page.NextShardIterator
	}
}

// expectOrder checks that the records of a shard have increasing numbers and the time of today.
func expectOrder(records []types.Record) error {
	last := big.NewInt(-1)
	for _, r := range records {
		number, err := decimal("a SequenceNumber", r.SequenceNumber)
		if err != nil {
			return err
		}
		if number.Cmp(last) <= 0 {
			return fmt.Errorf("expected a SequenceNumber above %s, got %s", last, number)
		}
		if err := expectRecent("ApproximateArrivalTimestamp", r.ApproximateArrivalTimestamp); err != nil {
			return err
		}
		last = number
	}
	return nil
}

func expectSameRecords(expected, actual []record) error {
	byKeyAndData := func(a, b record) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.data, b.data))
	}
	slices.SortFunc(expected, byKeyAndData)
	slices.SortFunc(actual, byKeyAndData)
	if err := expectEqual("the number of records", len(expected), len(actual)); err != nil {
		return err
	}
	for i := range expected {
		if err := expectEqual(fmt.Sprintf("record %d in the order of keys", i), expected[i], actual[i]); err != nil {
			return err
		}
	}
	return nil
}

func expectFirst(start string, expected types.Record, records []types.Record) error {
	if len(records) == 0 {
		return fmt.Errorf("expected a record from %s on, got none", start)
	}
	what := "of the first record from " + start + " on"
	return cmp.Or(
		expectEqual("SequenceNumber "+what, aws.ToString(expected.SequenceNumber), aws.ToString(records[0].SequenceNumber)),
		expectEqual("the content "+what, toRecord(expected), toRecord(records[0])),
	)
}

func toRecord(r types.Record) record {
	return record{key: aws.ToString(r.PartitionKey), data: string(r.Data)}
}

func (t *roundTrip) tag(ctx context.Context) error {
	tags := map[string]string{"env": "test", "ключ": "значение"}
	_, err := t.kinesis.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: aws.String(t.name), Tags: tags})
	if err != nil {
		return err
	}
	if err := t.expectTags(ctx, tags); err != nil {
		return err
	}
	_, err = t.kinesis.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{
		StreamName: aws.String(t.name),
		TagKeys:    []string{"env"},
	})
	if err != nil {
		return err
	}
	delete(tags, "env")
	return t.expectTags(ctx, tags)
}

func (t *roundTrip) expectTags(ctx context.Context, expected map[string]string) error {
	answer, err := t.kinesis.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: aws.String(t.name)})
	if err != nil {
		return err
	}
	actual := map[string]string{}
	for _, tag := range answer.Tags {
		actual[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return cmp.Or(
		expectEqual("the number of tags", len(expected), len(answer.Tags)),
		expectThat(maps.Equal(expected, actual), fmt.Sprintf("the tags %v", expected), actual),
	)
}

func (t *roundTrip) split(ctx context.Context) error {
	parent := t.shards[0]
	start, err := decimal("a StartingHashKey", parent.HashKeyRange.StartingHashKey)
	if err != nil {
		return err
	}
	end, err := decimal("an EndingHashKey", parent.HashKeyRange.EndingHashKey)
	if err != nil {
		return err
	}
	middle := new(big.Int).Add(start, end)
	middle.Rsh(middle, 1)

	_, err = t.kinesis.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName:         aws.String(t.name),
		ShardToSplit:       parent.ShardId,
		NewStartingHashKey: aws.String(middle.String()),
	})
	if err != nil {
		return err
	}
	stream, err := t.activeStream(ctx)
	if err != nil {
		return err
	}
	return cmp.Or(
		expectEqual("the number of shards", shardCount+2, len(stream.Shards)),
		expectClosed(stream.Shards, parent),
		expectChildren(stream.Shards, parent, middle),
	)
}

func expectClosed(shards []types.Shard, parent types.Shard) error {
	id := aws.ToString(parent.ShardId)
	i := slices.IndexFunc(shards, func(shard types.Shard) bool { return aws.ToString(shard.ShardId) == id })
	if i < 0 {
		return fmt.Errorf("expected the parent %s in the list of shards, got none", id)
	}
	ending := aws.ToString(shards[i].SequenceNumberRange.EndingSequenceNumber)
	return expectThat(ending != "", "an EndingSequenceNumber of "+id, ending)
}

// expectChildren checks that a shard has two children whose hash ranges join at the middle to its own.
func expectChildren(shards []types.Shard, parent types.Shard, middle *big.Int) error {
	var actual []string
	for _, shard := range shards {
		if aws.ToString(shard.ParentShardId) == aws.ToString(parent.ShardId) {
			actual = append(actual, hashRange(shard.HashKeyRange.StartingHashKey, shard.HashKeyRange.EndingHashKey))
		}
	}
	beforeMiddle := new(big.Int).Sub(middle, big.NewInt(1))
	expected := []string{
		hashRange(parent.HashKeyRange.StartingHashKey, aws.String(beforeMiddle.String())),
		hashRange(aws.String(middle.String()), parent.HashKeyRange.EndingHashKey),
	}
	slices.Sort(expected)
	slices.Sort(actual)
	return expectThat(slices.Equal(expected, actual), fmt.Sprintf("children with the hash ranges %q", expected), actual)
}

func hashRange(start, end *string) string {
	return aws.ToString(start) + " to " + aws.ToString(end)
}
