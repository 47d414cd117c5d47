package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

const requestIDLength = 36

func (t *roundTrip) errors(ctx context.Context) error {
	_, noStream := t.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName:   aws.String("none"),
		PartitionKey: aws.String("key"),
		Data:         []byte("data"),
	})
	_, damagedIterator := t.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("damaged")})
	_, badName := t.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: aws.String("bad name!"),
		ShardCount: aws.Int32(1),
	})
	_, noDelivery := t.firehose.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{
		DeliveryStreamName: aws.String("none"),
	})
	if err := cmp.Or(
		expectError[*kinesistypes.ResourceNotFoundException](noStream, "Stream none under account 000000000000 not found."),
		expectError[*kinesistypes.InvalidArgumentException](damagedIterator, "Invalid ShardIterator."),
		expectErrorWith[*kinesistypes.ValidationException](badName,
			"failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
		expectError[*firehosetypes.ResourceNotFoundException](noDelivery, "Firehose none under account 000000000000 not found."),
	); err != nil {
		return err
	}
	return t.deleteStream(ctx)
}

// expectError checks that an error is of the SDK's type T, with exactly this message.
func expectError[T smithy.APIError](err error, message string) error {
	actual, err := typedError[T](err)
	if err != nil {
		return err
	}
	return expectEqual("the message of "+actual.ErrorCode(), message, actual.ErrorMessage())
}

// expectErrorWith checks that an error is of the SDK's type T, with a message that contains this part.
func expectErrorWith[T smithy.APIError](err error, part string) error {
	actual, err := typedError[T](err)
	if err != nil {
		return err
	}
	message := actual.ErrorMessage()
	return expectThat(strings.Contains(message, part), "a message of "+actual.ErrorCode()+" with "+part, message)
}

// typedError returns the error as the SDK's type T, after a look at its request id.
func typedError[T smithy.APIError](err error) (T, error) {
	var typed T
	if !errors.As(err, &typed) {
		return typed, fmt.Errorf("expected an error of type %T, got %v", typed, err)
	}
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return typed, fmt.Errorf("expected an HTTP response, got %v", err)
	}
	id := response.ServiceRequestID()
	return typed, expectThat(len(id) == requestIDLength, fmt.Sprintf("a request id of %d characters", requestIDLength), id)
}

// deleteStream deletes the stream and waits until it is unknown.
func (t *roundTrip) deleteStream(ctx context.Context) error {
	if _, err := t.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String(t.name)}); err != nil {
		return err
	}
	const gone = "ResourceNotFoundException"
	return waitFor(ctx, gone, func() (string, error) {
		answer, err := t.kinesis.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String(t.name)})
		var notFound *kinesistypes.ResourceNotFoundException
		if errors.As(err, &notFound) {
			return gone, nil
		}
		if err != nil {
			return "", err
		}
		if answer.StreamDescription == nil {
			return "", errors.New("expected a StreamDescription, got none")
		}
		return string(answer.StreamDescription.StreamStatus), nil
	})
}
