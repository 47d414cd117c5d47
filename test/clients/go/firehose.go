package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

func (t *roundTrip) deliver(ctx context.Context) error {
	if err := t.createDelivery(ctx); err != nil {
		return err
	}
	if err := t.putDelivery(ctx); err != nil {
		return err
	}
	_, err := t.firehose.DeleteDeliveryStream(ctx, &firehose.DeleteDeliveryStreamInput{
		DeliveryStreamName: aws.String(t.name),
	})
	if err != nil {
		return err
	}
	_, err = t.firehose.ListDeliveryStreams(ctx, &firehose.ListDeliveryStreamsInput{})
	return err
}

func (t *roundTrip) createDelivery(ctx context.Context) error {
	_, err := t.firehose.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String(t.name),
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			RoleARN:   aws.String("arn:aws:iam::000000000000:role/any"),
			BucketARN: aws.String("arn:aws:s3:::" + t.name),
		},
	})
	if err != nil {
		return err
	}
	var delivery *types.DeliveryStreamDescription
	err = waitFor(ctx, string(types.DeliveryStreamStatusActive), func() (string, error) {
		answer, err := t.firehose.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{
			DeliveryStreamName: aws.String(t.name),
		})
		if err != nil {
			return "", err
		}
		if answer.DeliveryStreamDescription == nil {
			return "", errors.New("expected a DeliveryStreamDescription, got none")
		}
		delivery = answer.DeliveryStreamDescription
		return string(delivery.DeliveryStreamStatus), nil
	})
	if err != nil {
		return err
	}
	return expectRecent("CreateTimestamp", delivery.CreateTimestamp)
}

func (t *roundTrip) putDelivery(ctx context.Context) error {
	one, err := t.firehose.PutRecord(ctx, &firehose.PutRecordInput{
		DeliveryStreamName: aws.String(t.name),
		Record:             &types.Record{Data: []byte("one\n")},
	})
	if err != nil {
		return err
	}
	batch, err := t.firehose.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{
		DeliveryStreamName: aws.String(t.name),
		Records:            []types.Record{{Data: []byte("two\n")}, {Data: []byte("three\n")}},
	})
	if err != nil {
		return err
	}
	if err := cmp.Or(
		expectThat(batch.FailedPutCount != nil, "a FailedPutCount", nil),
		expectEqual("FailedPutCount", 0, aws.ToInt32(batch.FailedPutCount)),
		expectEqual("the number of RequestResponses", 2, len(batch.RequestResponses)),
	); err != nil {
		return err
	}
	ids := []*string{one.RecordId, batch.RequestResponses[0].RecordId, batch.RequestResponses[1].RecordId}
	for i, id := range ids {
		if err := expectThat(aws.ToString(id) != "", fmt.Sprintf("a RecordId of record %d", i+1), ""); err != nil {
			return err
		}
	}
	return nil
}
