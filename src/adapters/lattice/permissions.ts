// What a device's user may do at the hub. Pure. The shape is that of nats-server's configuration:
// https://docs.nats.io/running-a-nats-service/configuration/securing_nats/authorization

import { inboxRoot } from "./inbox.ts";
import { bucketStream, bucketSubject, deviceFilter, inboundConsumer, inboundFilter, objectStream } from "./subjects.ts";
import { heartbeatSubject, hostSubjects } from "./operator/subjects.ts";
import {
  configBucket,
  everyCall,
  everyCommand,
  everyEvent,
  everyProvider,
  latticeBucket,
} from "./wasmcloud/subjects.ts";

export interface PermissionsInput {
  readonly device: string;
  /** JetStream domain of the hub, for a leaf node. A client's requests lose it before the hub looks at permissions. */
  readonly domain: string | undefined;
  readonly stream: GrantedStream;
  readonly inbox: GrantedStream;
  /** The bucket with the device's document, when it follows one. */
  readonly desiredBucket: string | undefined;
  /** Object stores that components come from. */
  readonly objectBuckets: readonly string[];
  /** Buckets that secrets are read from. */
  readonly secretBuckets: readonly string[];
  /** Subjects of secrets services that are asked. */
  readonly secretServices: readonly string[];
  /** Key-value buckets that its components use. */
  readonly keyValueBuckets: readonly GrantedStream[];
  /** The lattice that it is a host of. */
  readonly lattice: string | undefined;
  /** Providers that are processes of their own log in as the device, or through its leaf node. */
  readonly executables: boolean;
  /** Its id, when it is a host for the operator of wasmCloud 2.x. */
  readonly operatorHost: string | undefined;
  /** What local clients may send to the hub and get from it. */
  readonly grants: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
}

export interface GrantedStream {
  readonly name: string;
  /** The device makes it when it is missing. */
  readonly create: boolean;
}

export interface HubPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The least that a device with this configuration needs. */
export function hubPermissions(input: PermissionsInput): HubPermissions {
  const { device, domain, stream, inbox, desiredBucket, objectBuckets, keyValueBuckets } = input;
  const { lattice, executables, operatorHost, grants, secretBuckets, secretServices } = input;
  const api = domain === undefined ? "$JS.API" : `$JS.${domain}.API`;
  const inbound = inboundFilter(device);
  const consumer = inboundConsumer(device);
  const shared = lattice === undefined ? [] : [latticeBucket(lattice), configBucket(lattice)];
  const madeBuckets = keyValueBuckets.filter(({ create }) => create).map(({ name }) => name);
  const made = [...(stream.create ? [stream.name] : []), ...(inbox.create ? [inbox.name] : [])];
  return {
    publish: [
      deviceFilter(device),
      `${api}.INFO`,
      `${api}.STREAM.NAMES`,
      ...[...made, ...[...shared, ...madeBuckets].map(bucketStream)].map((name) => `${api}.STREAM.CREATE.${name}`),
      ...readStream(api, stream.name),
      `${api}.STREAM.INFO.${inbox.name}`,
      `${api}.CONSUMER.INFO.${inbox.name}.${consumer}`,
      `${api}.CONSUMER.CREATE.${inbox.name}.${consumer}.${inbound}`,
      `${api}.CONSUMER.MSG.NEXT.${inbox.name}.${consumer}`,
      `$JS.ACK.${inbox.name}.${consumer}.>`,
      ...(desiredBucket === undefined
        ? []
        : followStream(api, bucketStream(desiredBucket), bucketSubject(desiredBucket, device))),
      ...objectBuckets.flatMap((bucket) => followStream(api, objectStream(bucket), ">")),
      ...secretBuckets.map((bucket) => `${api}.STREAM.MSG.GET.${bucketStream(bucket)}`),
      ...secretServices,
      ...[...shared, ...keyValueBuckets.map(({ name }) => name)].flatMap((bucket) => [
        ...followStream(api, bucketStream(bucket), bucketSubject(bucket, ">")),
        bucketSubject(bucket, ">"),
      ]),
      // Keys go through a leaf node as a part of the API.
      ...(domain === undefined ? [] : keyValueBuckets.map(({ name }) => `${api}.${bucketSubject(name, ">")}`)),
      // Commands and calls are answered, and calls go on, at inboxes whose names are random.
      ...(lattice === undefined ? [] : [everyEvent(lattice), everyCall(lattice), everyProvider(lattice)]),
      ...(operatorHost === undefined ? [] : [heartbeatSubject(operatorHost)]),
      ...(lattice === undefined && operatorHost === undefined ? [] : ["_INBOX.>"]),
      ...grants.publish,
    ],
    subscribe: [
      `${inboxRoot(device)}.>`,
      ...(lattice === undefined ? [] : [everyCommand(lattice), everyCall(lattice)]),
      // Where answers to a process go, it alone decides.
      ...(lattice === undefined || !executables ? [] : [everyProvider(lattice), "_INBOX.>"]),
      ...(operatorHost === undefined ? [] : [hostSubjects(operatorHost)]),
      ...grants.subscribe,
    ],
  };
}

const readStream = (api: string, stream: string): string[] => [
  `${api}.STREAM.INFO.${stream}`,
  `${api}.STREAM.MSG.GET.${stream}`,
];

/** Reading what is in a stream and what comes, by a consumer whose name the hub or the client chooses. */
const followStream = (api: string, stream: string, filter: string): string[] => [
  ...readStream(api, stream),
  `${api}.CONSUMER.CREATE.${stream}.*.${filter}`,
  `${api}.CONSUMER.MSG.NEXT.${stream}.*`,
  `${api}.CONSUMER.DELETE.${stream}.*`,
];

/** A `permissions` block for a user in the hub's configuration. */
export function formatPermissions({ publish, subscribe }: HubPermissions): string {
  const list = (subjects: readonly string[]): string => subjects.map((subject) => `\n    "${subject}"`).join("");
  return `permissions {\n  publish: [${list(publish)}\n  ]\n  subscribe: [${list(subscribe)}\n  ]\n}`;
}
