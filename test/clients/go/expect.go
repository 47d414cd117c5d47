package main

import (
	"context"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	pause     = 50 * time.Millisecond
	tolerance = 10 * time.Minute
)

// expectEqual returns an error that names both values if they differ.
func expectEqual[T comparable](what string, expected, actual T) error {
	if actual != expected {
		return fmt.Errorf("expected %s to be %#v, got %#v", what, expected, actual)
	}
	return nil
}

// expectThat returns an error that says what was expected of the actual value, unless it is so.
func expectThat(ok bool, expected string, actual any) error {
	if !ok {
		return fmt.Errorf("expected %s, got %#v", expected, actual)
	}
	return nil
}

// expectRecent proves that a timestamp was read in the right unit.
func expectRecent(what string, actual *time.Time) error {
	age := time.Since(aws.ToTime(actual)).Abs()
	return expectThat(age < tolerance, what+" within 10 minutes of now", aws.ToTime(actual).String())
}

// waitFor asks for the state of something until it is the expected one.
func waitFor(ctx context.Context, expected string, state func() (string, error)) error {
	for {
		actual, err := state()
		if err != nil {
			return err
		}
		if actual == expected {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("expected the status %s within %s, got %s", expected, timeLimit, actual)
		}
	}
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// decimal parses a sequence number or a hash key; both are too big for the integers of the language.
func decimal(what string, text *string) (*big.Int, error) {
	if !digits.MatchString(aws.ToString(text)) {
		return nil, fmt.Errorf("expected %s of decimal digits only, got %q", what, aws.ToString(text))
	}
	number, _ := new(big.Int).SetString(*text, 10)
	return number, nil
}
