package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

//go:embed runtime.proto
var definitions string

// wire sends and reads the messages of runtime.proto with protojson's defaults: random white space when it writes, and no
// mercy for unknown fields when it reads.
type wire struct {
	nats  *nats.Conn
	types protoreflect.FileDescriptor
}

func openWire(url string) (*wire, error) {
	source := protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{
		"runtime.proto": definitions,
	})}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&source)}
	files, err := compiler.Compile(context.Background(), "runtime.proto")
	if err != nil {
		return nil, err
	}
	connection, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(time.Second))
	if err != nil {
		return nil, err
	}
	return &wire{nats: connection, types: files[0]}, nil
}

func (w *wire) message(name string) *dynamicpb.Message {
	return dynamicpb.NewMessage(w.types.Messages().ByName(protoreflect.Name(name)))
}

// read takes a message as the operator does.
func (w *wire) read(name string, body []byte) (*dynamicpb.Message, error) {
	read := w.message(name)
	if err := protojson.Unmarshal(body, read); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w\n%s", name, err, body)
	}
	return read, nil
}

// written turns text into a message and writes it anew, in the library's own way.
func (w *wire) written(name, text string) ([]byte, error) {
	read, err := w.read(name, []byte(text))
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(read)
}

func (w *wire) ask(subject string, body []byte, reply string, limit time.Duration) (*dynamicpb.Message, error) {
	answer, err := w.nats.Request(subject, body, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	return w.read(reply, answer.Data)
}

func field(of protoreflect.Message, name string) protoreflect.Value {
	descriptor := of.Descriptor().Fields().ByName(protoreflect.Name(name))
	if descriptor == nil {
		panic("no field " + name)
	}
	return of.Get(descriptor)
}

func text(of protoreflect.Message, name string) string { return field(of, name).String() }
