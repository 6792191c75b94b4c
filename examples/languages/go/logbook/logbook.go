// Package logbook keeps who did what to a device. Plain Go: nothing here knows WIT.
package logbook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxBody is how many bytes of an entry are read: more than that is refused.
const MaxBody = 4096

// MaxEntries are kept; of more, the oldest go.
const MaxEntries = 200

// Store keeps bytes by key.
type Store interface {
	Keys() ([]string, error)
	Get(key string) ([]byte, error)
	Set(key string, value []byte) error
	Delete(key string) error
}

// Request is what was asked.
type Request struct {
	Method, Path string
	Body         []byte
}

// Response is what to answer: JSON, or nothing.
type Response struct {
	Status int
	// Allow has the methods of the path, when the one asked for is not among them.
	Allow string
	Body  []byte
}

// Entry is one line of the book.
type Entry struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
}

// Handle answers a request at the time now. Its error means that the store failed.
func Handle(store Store, request Request, now time.Time) (Response, error) {
	path, id, one := strings.Cut(strings.TrimPrefix(request.Path, "/"), "/")
	switch {
	case path != "entries" || id == "" && one:
		return refuse(404, "there is /entries and /entries/<id>"), nil
	case one && request.Method == "GET":
		return read(store, id)
	case !one && request.Method == "GET":
		return list(store)
	case !one && request.Method == "POST":
		return write(store, request.Body, now)
	}
	response := refuse(405, "nothing that is written is changed")
	response.Allow = "GET, POST"
	if one {
		response.Allow = "GET"
	}
	return response, nil
}

func read(store Store, id string) (Response, error) {
	value, err := store.Get(id)
	if err != nil {
		return Response{}, err
	}
	if value == nil {
		return refuse(404, "there is no such entry"), nil
	}
	return Response{Status: 200, Body: value}, nil
}

// The newest first.
func list(store Store) (Response, error) {
	keys, err := sorted(store)
	if err != nil {
		return Response{}, err
	}
	slices.Reverse(keys)
	entries := make([]json.RawMessage, 0, len(keys))
	for _, key := range keys {
		value, err := store.Get(key)
		if err != nil {
			return Response{}, err
		}
		if value != nil {
			entries = append(entries, value)
		}
	}
	return answer(200, entries), nil
}

func write(store Store, body []byte, now time.Time) (Response, error) {
	if len(body) > MaxBody {
		return refuse(413, fmt.Sprintf("an entry has at most %d bytes", MaxBody)), nil
	}
	var entry Entry
	if err := json.Unmarshal(body, &entry); err != nil {
		return refuse(400, "an entry is JSON: "+err.Error()), nil
	}
	if entry.Author == "" || entry.Text == "" {
		return refuse(400, "an entry has an author and a text"), nil
	}
	// Keys in the order of time; whatever the client said about both is not taken.
	entry.Time = now.UTC()
	entry.ID = fmt.Sprintf("%020d", now.UnixNano())
	response := answer(201, entry)
	if err := store.Set(entry.ID, response.Body); err != nil {
		return Response{}, err
	}
	return response, forget(store)
}

// Removes the oldest entries beyond those that are kept.
func forget(store Store) error {
	keys, err := sorted(store)
	if err != nil || len(keys) <= MaxEntries {
		return err
	}
	for _, key := range keys[:len(keys)-MaxEntries] {
		if err := store.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func sorted(store Store) ([]string, error) {
	keys, err := store.Keys()
	slices.Sort(keys)
	return keys, err
}

func refuse(status int, reason string) Response {
	return answer(status, map[string]string{"error": reason})
}

func answer(status int, value any) Response {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // Of texts and times that came from JSON or from here.
	}
	return Response{Status: status, Body: body}
}
