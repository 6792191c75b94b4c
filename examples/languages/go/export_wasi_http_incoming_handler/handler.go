// Package export_wasi_http_incoming_handler has the edges: the only code of our own that knows WIT. The bindings call it by this name.
package export_wasi_http_incoming_handler

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	bindings "go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"

	"wit_component/logbook"
	http "wit_component/wasi_http_types"
	streams "wit_component/wasi_io_streams"
	store "wit_component/wasi_keyvalue_store"
)

// While the host has a component reserve memory for what it passes in, the component may call nothing, and is ended if it does. Go's
// scheduler and its garbage collector ask the clock for the time whenever they run. So the adapter answers the first with the
// time of the start, which is all right as long as nothing sleeps or measures, and the second runs when this code says so.
func init() {
	pauseMonotonicClock(true)
	debug.SetGCPercent(-1)
}

//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseMonotonicClock(paused bool)

func clean() {
	bindings.Unpin() // What the host passed in: the bindings hold on to it otherwise.
	runtime.GC()
}

// Handle serves one request.
func Handle(incoming *http.IncomingRequest, out *http.ResponseOutparam) {
	defer clean() // The client has its response by then.
	defer incoming.Drop()
	response, err := serve(incoming)
	if err != nil {
		response = logbook.Response{Status: 503, Body: fmt.Appendf(nil, "{\"error\":%q}", err.Error())}
	}
	send(response, out)
}

func serve(incoming *http.IncomingRequest) (logbook.Response, error) {
	path, _, _ := strings.Cut(incoming.PathWithQuery().SomeOr("/"), "?")
	body, err := readBody(incoming)
	if err != nil {
		return logbook.Response{}, err
	}
	opened := store.Open("logbook")
	if opened.IsErr() {
		return logbook.Response{}, failure(opened.Err())
	}
	defer opened.Ok().Drop()
	return logbook.Handle(bucket{opened.Ok()}, logbook.Request{Method: method(incoming), Path: path, Body: body}, time.Now())
}

func method(incoming *http.IncomingRequest) string {
	switch incoming.Method().Tag() {
	case http.Method_Get:
		return "GET"
	case http.Method_Post:
		return "POST"
	}
	return "" // None that is served.
}

// At most one byte more than an entry may have.
func readBody(incoming *http.IncomingRequest) ([]byte, error) {
	body := incoming.Consume().Ok()
	defer body.Drop()
	stream := body.Stream().Ok()
	defer stream.Drop() // Before its body.
	var read []byte
	for len(read) <= logbook.MaxBody {
		piece := stream.BlockingRead(uint64(logbook.MaxBody + 1 - len(read)))
		if piece.IsErr() {
			if fault := piece.Err(); fault.Tag() == streams.StreamError_LastOperationFailed {
				fault.LastOperationFailed().Drop()
				return nil, fmt.Errorf("the request broke off")
			}
			return read, nil // Its end.
		}
		read = append(read, piece.Ok()...)
	}
	return read, nil
}

func send(response logbook.Response, out *http.ResponseOutparam) {
	headers := http.MakeFields()
	headers.Append("content-type", []byte("application/json"))
	if response.Allow != "" {
		headers.Append("allow", []byte(response.Allow))
	}
	outgoing := http.MakeOutgoingResponse(headers)
	outgoing.SetStatusCode(uint16(response.Status))
	body := outgoing.Body().Ok()
	http.ResponseOutparamSet(out, wit.Ok[*http.OutgoingResponse, http.ErrorCode](outgoing))
	stream := body.Write().Ok()
	for rest := response.Body; len(rest) > 0; {
		// What the interface takes at once.
		piece := rest[:min(len(rest), 4096)]
		if stream.BlockingWriteAndFlush(piece).IsErr() {
			break // Nobody reads the response any more.
		}
		rest = rest[len(piece):]
	}
	stream.Drop()
	http.OutgoingBodyFinish(body, wit.None[*http.Fields]())
}

type bucket struct{ *store.Bucket }

func (b bucket) Keys() ([]string, error) {
	var keys []string
	for cursor := wit.None[uint64](); ; {
		listed := b.ListKeys(cursor)
		if listed.IsErr() {
			return nil, failure(listed.Err())
		}
		keys = append(keys, listed.Ok().Keys...)
		if cursor = listed.Ok().Cursor; cursor.IsNone() {
			return keys, nil
		}
	}
}

func (b bucket) Get(key string) ([]byte, error) {
	got := b.Bucket.Get(key)
	if got.IsErr() {
		return nil, failure(got.Err())
	}
	return got.Ok().SomeOr(nil), nil
}

func (b bucket) Set(key string, value []byte) error {
	if set := b.Bucket.Set(key, value); set.IsErr() {
		return failure(set.Err())
	}
	return nil
}

func (b bucket) Delete(key string) error {
	if deleted := b.Bucket.Delete(key); deleted.IsErr() {
		return failure(deleted.Err())
	}
	return nil
}

func failure(err store.Error) error {
	switch err.Tag() {
	case store.Error_NoSuchStore:
		return fmt.Errorf("the store is not there")
	case store.Error_AccessDenied:
		return fmt.Errorf("the store may not be used")
	}
	return fmt.Errorf("the store failed: %s", err.Other())
}
