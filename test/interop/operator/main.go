// Does with a host what the operator's controllers do: registers it from its heartbeats, probes it, and takes a deployment
// through placement, polling, a rolling update and deletion. It asks for a restart of the host by a line "@restart" and goes
// on with a line on its standard input. Ends with 1 at the first thing that the operator would not take.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What the operator waits for each request, and how long a workload may be anything but well.
const (
	probeLimit  = 5 * time.Second
	startLimit  = 60 * time.Second
	statusLimit = 5 * time.Second
	stopLimit   = 30 * time.Second
	graceLimit  = 60 * time.Second
)

var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

type host struct{ id, name string }

type operator struct {
	*wire
	heartbeats chan host
	faults     chan error
	input      *bufio.Reader
}

func main() {
	wire, err := openWire(os.Args[1])
	if err == nil {
		defer wire.nats.Close()
		err = run(&operator{
			wire:       wire,
			heartbeats: make(chan host, 100),
			faults:     make(chan error, 100),
			input:      bufio.NewReader(os.Stdin),
		}, os.Args[2])
	}
	if err != nil {
		fmt.Println("DEVIATION:", err)
		os.Exit(1)
	}
}

func ok(format string, values ...any) { fmt.Printf("ok  "+format+"\n", values...) }

func run(o *operator, image string) error {
	if _, err := o.nats.Subscribe("runtime.operator.heartbeat.>", o.onHeartbeat); err != nil {
		return err
	}
	registered, err := o.registered()
	if err != nil {
		return err
	}
	ok("the host %s is registered as %s", registered.id, registered.name)
	if err := o.ready(registered); err != nil {
		return err
	}
	ok("it is ready: it answers the probe")

	first, err := o.place(registered, image, "1", 2)
	if err != nil {
		return err
	}
	ok("two replicas are placed and in sync")
	if err := o.again(registered, image, first[0]); err != nil {
		return err
	}
	ok("a start that is sent again is answered, and starts nothing")

	fmt.Println("@restart")
	if _, err := o.input.ReadString('\n'); err != nil {
		return err
	}
	if again, err := o.registered(); err != nil || again != registered {
		return fmt.Errorf("after a restart it is %v, want %v: %w", again, registered, err)
	}
	for _, id := range first {
		if err := o.inSync(registered, id, graceLimit); err != nil {
			return err
		}
	}
	ok("it was killed and is back: nothing has to be replaced")

	second, err := o.place(registered, image, "2", 2)
	if err != nil {
		return err
	}
	if err := o.remove(registered, first); err != nil {
		return err
	}
	ok("a rolling update: two new replicas, then the old ones go")
	if err := o.reported(registered, 2); err != nil {
		return err
	}
	if err := o.remove(registered, second); err != nil {
		return err
	}
	ok("the deployment is deleted")
	if err := o.refused(registered); err != nil {
		return err
	}
	ok("what cannot run is an error and not a silence")
	select {
	case fault := <-o.faults:
		return fault
	default:
		ok("every heartbeat was readable")
		return nil
	}
}

func (o *operator) onHeartbeat(message *nats.Msg) {
	read, err := o.read("HostHeartbeat", message.Data)
	if err != nil {
		o.faults <- err
		return
	}
	select {
	case o.heartbeats <- host{id: text(read, "id"), name: text(read, "friendly_name")}:
	default:
	}
}

// registered waits for a heartbeat that the API server would take as a Host.
func (o *operator) registered() (host, error) {
	for len(o.heartbeats) > 0 {
		<-o.heartbeats
	}
	select {
	case seen := <-o.heartbeats:
		if !objectName.MatchString(seen.name) || seen.id == "" {
			return seen, fmt.Errorf("no name for a Host: %q", seen.name)
		}
		return seen, nil
	case fault := <-o.faults:
		return host{}, fault
	case <-time.After(60 * time.Second):
		return host{}, errors.New("no heartbeat in 60 s")
	}
}

func (o *operator) probe(h host) (protoreflect.Message, error) {
	return o.ask("runtime.host."+h.id+".heartbeat", []byte("{}"), "HostHeartbeat", probeLimit)
}

func (o *operator) ready(h host) error {
	answer, err := o.probe(h)
	if err != nil {
		return err
	}
	group := false
	field(answer, "labels").Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		group = group || key.String() == "hostgroup"
		if !labelValue.MatchString(value.String()) {
			err = fmt.Errorf("no label: %q", value.String())
		}
		return err == nil
	})
	if err == nil && !group {
		err = errors.New("no label hostgroup")
	}
	return err
}

// reported waits until the host tells of so many workloads that run.
func (o *operator) reported(h host, count uint64) error {
	var workloads, components uint64
	for end := time.Now().Add(graceLimit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		answer, err := o.probe(h)
		if err != nil {
			return err
		}
		workloads, components = field(answer, "workload_count").Uint(), field(answer, "component_count").Uint()
		if workloads == count && components == count {
			return nil
		}
	}
	return fmt.Errorf("found %d workloads and %d components, want %d", workloads, components, count)
}

// place starts replicas and polls them until they are in sync.
func (o *operator) place(h host, image, generation string, count int) ([]string, error) {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = uid()
		if err := o.start(h, ids[i], image, generation); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := o.inSync(h, id, graceLimit); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (o *operator) start(h host, id, image, generation string) error {
	_, err := o.startWith(h, id, map[string]any{
		"namespace":   "default",
		"name":        "hello-" + generation + "-" + id[:8],
		"annotations": map[string]string{"runtime.wasmcloud.dev/workload-replica-set-generation": generation},
		"witWorld": map[string]any{
			"components": []any{map[string]any{
				"name": "hello", "image": image, "poolSize": 2,
				"imagePullPolicy": "IMAGE_PULL_POLICY_IF_NOT_PRESENT", "imagePullSecret": map[string]any{},
				"localResources": map[string]any{
					"environment":  map[string]string{"LOG": "debug"},
					"allowedHosts": []string{"*.acme.io"},
					"volumeMounts": []any{map[string]any{"name": "scratch", "mountPath": "/data"}},
				},
			}},
			"hostInterfaces": []any{map[string]any{
				"namespace": "wasmcloud", "package": "messaging", "interfaces": []string{"consumer", "handler"},
				"config": map[string]string{"subscriptions": "hello.>", "consumer_group": "hello"},
			}},
		},
		"volumes": []any{map[string]any{"name": "scratch", "emptyDir": map[string]any{}}},
	})
	return err
}

func (o *operator) startWith(h host, id string, workload map[string]any) (protoreflect.Message, error) {
	plain, err := json.Marshal(map[string]any{"workloadId": id, "workload": workload})
	if err != nil {
		return nil, err
	}
	body, err := o.written("WorkloadStartRequest", string(plain))
	if err != nil {
		return nil, err
	}
	return o.status(h, "start", id, body, "WorkloadStartResponse", startLimit)
}

// status asks for something about a workload. Without a status, or with another id, the operator is lost.
func (o *operator) status(h host, command, id string, body []byte, reply string, limit time.Duration) (protoreflect.Message, error) {
	answer, err := o.ask("runtime.host."+h.id+".workload."+command, body, reply, limit)
	if err != nil {
		return nil, err
	}
	status := field(answer, "workload_status").Message()
	if found := text(status, "workload_id"); found != id {
		return nil, fmt.Errorf("%s was answered for %q, want %q", command, found, id)
	}
	return status, nil
}

func (o *operator) byId(h host, command, request, reply, id string, limit time.Duration) (string, error) {
	body, err := o.written(request, `{"workload_id":"`+id+`"}`)
	if err != nil {
		return "", err
	}
	status, err := o.status(h, command, id, body, reply, limit)
	if err != nil {
		return "", err
	}
	return stateOf(status), nil
}

func stateOf(status protoreflect.Message) string {
	descriptor := status.Descriptor().Fields().ByName("workload_state")
	return string(descriptor.Enum().Values().ByNumber(status.Get(descriptor).Enum()).Name())
}

func (o *operator) poll(h host, id string) (string, error) {
	return o.byId(h, "status", "WorkloadStatusRequest", "WorkloadStatusResponse", id, statusLimit)
}

func (o *operator) inSync(h host, id string, limit time.Duration) error {
	var state string
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var err error
		if state, err = o.poll(h, id); err != nil {
			return err
		}
		if state == "WORKLOAD_STATE_RUNNING" || state == "WORKLOAD_STATE_COMPLETED" {
			return nil
		}
	}
	return fmt.Errorf("workload %s is not operational: %s", id, state)
}

func (o *operator) again(h host, image, id string) error {
	if err := o.start(h, id, image, "1"); err != nil {
		return err
	}
	return o.reported(h, 2)
}

func (o *operator) remove(h host, ids []string) error {
	for _, id := range ids {
		state, err := o.byId(h, "stop", "WorkloadStopRequest", "WorkloadStopResponse", id, stopLimit)
		if err != nil {
			return err
		}
		if state != "WORKLOAD_STATE_STOPPING" {
			return fmt.Errorf("a stop was answered with %s", state)
		}
		if state, err = o.poll(h, id); err != nil || state != "WORKLOAD_STATE_NOT_FOUND" {
			return fmt.Errorf("after its stop a workload is %s: %w", state, err)
		}
	}
	return nil
}

// refused sends what no device has, and cleans up.
func (o *operator) refused(h host) error {
	for _, workload := range []map[string]any{
		{"service": map[string]any{"image": "registry.example/service", "maxRestarts": "18446744073709551615"}},
		{"witWorld": map[string]any{"components": []any{map[string]any{"image": "NOT AN IMAGE"}}}},
	} {
		id := uid()
		status, err := o.startWith(h, id, workload)
		if err != nil {
			return err
		}
		if state := stateOf(status); state != "WORKLOAD_STATE_ERROR" || text(status, "message") == "" {
			return fmt.Errorf("what cannot run is %s", state)
		}
		if err := o.remove(h, []string{id}); err != nil {
			return err
		}
	}
	return nil
}

// uid is what Kubernetes gives an object.
func uid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
