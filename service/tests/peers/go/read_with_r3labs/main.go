// Reads a stream with r3labs/sse: URL COUNT [TOKEN].
//
// It comes back by itself when a connection breaks, with the id of the last event, but not when a stream
// ends in order: that is the loop's part.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/r3labs/sse/v2"
)

func main() {
	left, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	// Without the option an event may have 64 KiB.
	client := sse.NewClient(os.Args[1], sse.ClientMaxBufferSize(2<<20))
	if len(os.Args) > 3 {
		client.Headers["Authorization"] = "Bearer " + os.Args[3]
	}
	for {
		err := client.SubscribeRaw(func(event *sse.Event) {
			// A comment and an id that stands alone are events without data to this library.
			if len(event.Data) == 0 {
				return
			}
			show(event)
			if left--; left == 0 {
				os.Exit(0)
			}
		})
		log.Print("the stream has ended: ", err)
		time.Sleep(100 * time.Millisecond)
	}
}

func show(event *sse.Event) {
	name := string(event.Event)
	if name == "" {
		name = "message"
	}
	line := map[string]string{"id": string(event.ID), "event": name, "data": string(event.Data)}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
