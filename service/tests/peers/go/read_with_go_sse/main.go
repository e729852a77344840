// Reads a stream with tmaxmax/go-sse: URL COUNT [TOKEN].
//
// It comes back by itself, with the id of the last event, however the stream ended.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/tmaxmax/go-sse"
)

func main() {
	left, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 3 {
		request.Header.Set("Authorization", "Bearer "+os.Args[3])
	}
	client := sse.Client{Backoff: sse.Backoff{InitialInterval: 100 * time.Millisecond}}
	connection := client.NewConnection(request)
	// Without this an event may have 64 KiB.
	connection.Buffer(nil, 2<<20)
	connection.SubscribeToAll(func(event sse.Event) {
		// An id that stands alone is an event without data to this library.
		if event.Data == "" {
			return
		}
		show(event)
		if left--; left == 0 {
			os.Exit(0)
		}
	})
	log.Fatal(connection.Connect())
}

func show(event sse.Event) {
	name := event.Type
	if name == "" {
		name = "message"
	}
	line := map[string]string{"id": event.LastEventID, "event": name, "data": event.Data}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
