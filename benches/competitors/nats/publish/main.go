// Publishes to a stream of NATS JetStream by its own client: publishers that each wait for the
// server's answer before they publish the next event, for a time. Prints how many were confirmed a
// second, and how long the answers took, as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	server     = flag.String("server", nats.DefaultURL, "URL of the server")
	publishers = flag.Int("publishers", 1, "how many publishers wait at the same time")
	payload    = flag.Int("payload", 150, "bytes of an event's data")
	warmup     = flag.Duration("warmup", time.Second, "what is not measured at the beginning")
	duration   = flag.Duration("duration", 3*time.Second, "how long to measure after that")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run() error {
	// All publishers share a connection, as clients of NATS are meant to; one each is slower.
	connection, err := nats.Connect(*server)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer connection.Close()
	stream, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	// One replica, so that the figures are of one server as the others are.
	config := jetstream.StreamConfig{
		Name: "load", Subjects: []string{"load"}, Storage: jetstream.FileStorage, Replicas: 1,
	}
	if _, err := stream.CreateStream(context.Background(), config); err != nil {
		return fmt.Errorf("making the stream: %w", err)
	}
	measureFrom := time.Now().Add(*warmup)
	end := measureFrom.Add(*duration)
	results := make(chan outcome, *publishers)
	for range *publishers {
		go func() { results <- publish(stream, measureFrom, end) }()
	}
	var all outcome
	for range *publishers {
		result := <-results
		if result.err != nil {
			return fmt.Errorf("an event was not confirmed: %w", result.err)
		}
		all.confirmed += result.confirmed
		all.waits = append(all.waits, result.waits...)
	}
	return report(all)
}

type outcome struct {
	// Answers that came while it was measured.
	confirmed int
	// How long the answers to events took that were sent while it was measured, to the last one.
	waits []time.Duration
	err   error
}

func publish(stream jetstream.JetStream, measureFrom, end time.Time) outcome {
	data := make([]byte, *payload)
	for index := range data {
		data[index] = 'x'
	}
	var found outcome
	for {
		sent := time.Now()
		if sent.After(end) {
			return found
		}
		if _, err := stream.Publish(context.Background(), "load", data); err != nil {
			return outcome{err: err}
		}
		answered := time.Now()
		if answered.After(measureFrom) && answered.Before(end) {
			found.confirmed++
		}
		if sent.After(measureFrom) {
			found.waits = append(found.waits, answered.Sub(sent))
		}
	}
}

func report(all outcome) error {
	waits := all.waits
	if len(waits) == 0 {
		return fmt.Errorf("nothing was confirmed in %v", *duration)
	}
	slices.Sort(waits)
	milliseconds := func(quantile float64) float64 {
		return waits[int(quantile*float64(len(waits)-1))].Seconds() * 1e3
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"per_second": float64(all.confirmed) / duration.Seconds(),
		"p50_ms":     milliseconds(0.5),
		"p99_ms":     milliseconds(0.99),
	})
}
