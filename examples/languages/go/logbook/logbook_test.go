package logbook

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

type memory map[string][]byte

func (store memory) Keys() ([]string, error) {
	var keys []string
	for key := range store {
		keys = append(keys, key)
	}
	return keys, nil
}
func (store memory) Get(key string) ([]byte, error)     { return store[key], nil }
func (store memory) Set(key string, value []byte) error { store[key] = value; return nil }
func (store memory) Delete(key string) error            { delete(store, key); return nil }

var noon = time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC)

func ask(t *testing.T, store memory, method, path, body string, now time.Time) Response {
	t.Helper()
	response, err := Handle(store, Request{method, path, []byte(body)}, now)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestListsTheNewestFirstAndForgetsTheOldest(t *testing.T) {
	store := memory{}
	for number := range MaxEntries + 2 {
		body := fmt.Sprintf(`{"author":"eve","text":"entry %d"}`, number)
		if got := ask(t, store, "POST", "/entries", body, noon.Add(time.Duration(number))); got.Status != 201 {
			t.Fatalf("got %d: %s", got.Status, got.Body)
		}
	}
	var entries []Entry
	if err := json.Unmarshal(ask(t, store, "GET", "/entries", "", noon).Body, &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != MaxEntries || entries[0].Text != "entry 201" || entries[MaxEntries-1].Text != "entry 2" {
		t.Fatalf("got %d entries from %q to %q", len(entries), entries[0].Text, entries[len(entries)-1].Text)
	}
	if got := ask(t, store, "GET", "/entries/"+entries[0].ID, "", noon); got.Status != 200 {
		t.Fatalf("got %d", got.Status)
	}
}

func TestRefusesWhatIsNoEntry(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/", "", 404},
		{"GET", "/entries/", "", 404},
		{"GET", "/entries/1", "", 404},
		{"DELETE", "/entries/1", "", 405},
		{"PUT", "/entries", "", 405},
		{"POST", "/entries", "", 400},
		{"POST", "/entries", `{"author":"eve"}`, 400},
		{"POST", "/entries", strings.Repeat(" ", MaxBody+1), 413},
	} {
		if got := ask(t, memory{}, c.method, c.path, c.body, noon); got.Status != c.status {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, got.Status, c.status)
		}
	}
}
