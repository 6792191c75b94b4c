// The functions of the built-in interfaces: what the code behind them takes and returns, in every version 0.2 of WASI.
// Names of parameters are left out, as nothing depends on them; `$` stands before the name of a type of the first table.

export const TYPES: Readonly<Record<string, string>> = {
  "DNS-error": "record{rcode:option<string>,info-code:option<u16>}",
  "TLS-alert": "record{alert-id:option<u8>,alert-message:option<string>}",
  "config-error": "variant{upstream(string),io(string)}",
  datetime: "record{seconds:u64,nanoseconds:u32}",
  "descriptor-flags": "flags{read,write,file-integrity-sync,data-integrity-sync,requested-write-sync,mutate-directory}",
  "descriptor-stat":
    "record{type:$descriptor-type,link-count:u64,size:u64,data-access-timestamp:option<$datetime>,data-modification-timestamp:option<$datetime>,status-change-timestamp:option<$datetime>}",
  "descriptor-type": "enum{unknown,block-device,character-device,directory,fifo,symbolic-link,regular-file,socket}",
  "field-size": "record{field-name:option<string>,field-size:option<u32>}",
  "filesystem-error":
    "enum{access,would-block,already,bad-descriptor,busy,deadlock,quota,exist,file-too-large,illegal-byte-sequence,in-progress,interrupted,invalid,io,is-directory,loop,too-many-links,message-size,name-too-long,no-device,no-entry,no-lock,insufficient-memory,insufficient-space,not-directory,not-empty,not-recoverable,unsupported,no-tty,no-such-device,overflow,not-permitted,pipe,read-only,invalid-seek,text-file-busy,cross-device}",
  "header-error": "variant{invalid-syntax,forbidden,immutable}",
  "http-error":
    "variant{DNS-timeout,DNS-error($DNS-error),destination-not-found,destination-unavailable,destination-IP-prohibited,destination-IP-unroutable,connection-refused,connection-terminated,connection-timeout,connection-read-timeout,connection-write-timeout,connection-limit-reached,TLS-protocol-error,TLS-certificate-error,TLS-alert-received($TLS-alert),HTTP-request-denied,HTTP-request-length-required,HTTP-request-body-size(option<u64>),HTTP-request-method-invalid,HTTP-request-URI-invalid,HTTP-request-URI-too-long,HTTP-request-header-section-size(option<u32>),HTTP-request-header-size(option<$field-size>),HTTP-request-trailer-section-size(option<u32>),HTTP-request-trailer-size($field-size),HTTP-response-incomplete,HTTP-response-header-section-size(option<u32>),HTTP-response-header-size($field-size),HTTP-response-body-size(option<u64>),HTTP-response-trailer-section-size(option<u32>),HTTP-response-trailer-size($field-size),HTTP-response-transfer-coding(option<string>),HTTP-response-content-coding(option<string>),HTTP-response-timeout,HTTP-upgrade-failed,HTTP-protocol-error,loop-detected,configuration-error,internal-error(option<string>)}",
  ipv6: "tuple<u16,u16,u16,u16,u16,u16,u16,u16>",
  "metadata-hash": "record{lower:u64,upper:u64}",
  method: "variant{get,head,post,put,delete,connect,options,trace,patch,other(string)}",
  "new-timestamp": "variant{no-change,now,timestamp($datetime)}",
  scheme: "variant{HTTP,HTTPS,other(string)}",
  "socket-address":
    "variant{ipv4(record{port:u16,address:tuple<u8,u8,u8,u8>}),ipv6(record{port:u16,flow-info:u32,address:$ipv6,scope-id:u32})}",
  "socket-error":
    "enum{unknown,access-denied,not-supported,invalid-argument,out-of-memory,timeout,concurrency-conflict,not-in-progress,would-block,invalid-state,new-socket-limit,address-not-bindable,address-in-use,remote-unreachable,connection-refused,connection-reset,connection-aborted,datagram-too-large,name-unresolvable,temporary-resolver-failure,permanent-resolver-failure}",
  "stream-error": "variant{last-operation-failed(own<error>),closed}",
};

/** By unversioned interface name, then by name of the function. */
export const SIGNATURES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "wasi:cli/environment": {
    "get-environment": "()->list<tuple<string,string>>",
    "get-arguments": "()->list<string>",
    "initial-cwd": "()->option<string>",
  },
  "wasi:cli/exit": {
    exit: "(result<_,_>)->_",
    "exit-with-code": "(u8)->_",
  },
  "wasi:cli/stderr": {
    "get-stderr": "()->own<output-stream>",
  },
  "wasi:cli/stdin": {
    "get-stdin": "()->own<input-stream>",
  },
  "wasi:cli/stdout": {
    "get-stdout": "()->own<output-stream>",
  },
  "wasi:cli/terminal-stderr": {
    "get-terminal-stderr": "()->option<own<terminal-output>>",
  },
  "wasi:cli/terminal-stdin": {
    "get-terminal-stdin": "()->option<own<terminal-input>>",
  },
  "wasi:cli/terminal-stdout": {
    "get-terminal-stdout": "()->option<own<terminal-output>>",
  },
  "wasi:clocks/monotonic-clock": {
    now: "()->u64",
    resolution: "()->u64",
    "subscribe-instant": "(u64)->own<pollable>",
    "subscribe-duration": "(u64)->own<pollable>",
  },
  "wasi:clocks/timezone": {
    display: "($datetime)->record{utc-offset:s32,name:string,in-daylight-saving-time:bool}",
    "utc-offset": "($datetime)->s32",
  },
  "wasi:clocks/wall-clock": {
    now: "()->$datetime",
    resolution: "()->$datetime",
  },
  "wasi:config/runtime": {
    get: "(string)->result<option<string>,$config-error>",
    "get-all": "()->result<list<tuple<string,string>>,$config-error>",
  },
  "wasi:config/store": {
    get: "(string)->result<option<string>,$config-error>",
    "get-all": "()->result<list<tuple<string,string>>,$config-error>",
  },
  "wasi:filesystem/preopens": {
    "get-directories": "()->list<tuple<own<descriptor>,string>>",
  },
  "wasi:filesystem/types": {
    "[method]descriptor.read-via-stream": "(borrow<descriptor>,u64)->result<own<input-stream>,$filesystem-error>",
    "[method]descriptor.write-via-stream": "(borrow<descriptor>,u64)->result<own<output-stream>,$filesystem-error>",
    "[method]descriptor.append-via-stream": "(borrow<descriptor>)->result<own<output-stream>,$filesystem-error>",
    "[method]descriptor.advise":
      "(borrow<descriptor>,u64,u64,enum{normal,sequential,random,will-need,dont-need,no-reuse})->result<_,$filesystem-error>",
    "[method]descriptor.sync-data": "(borrow<descriptor>)->result<_,$filesystem-error>",
    "[method]descriptor.get-flags": "(borrow<descriptor>)->result<$descriptor-flags,$filesystem-error>",
    "[method]descriptor.get-type": "(borrow<descriptor>)->result<$descriptor-type,$filesystem-error>",
    "[method]descriptor.set-size": "(borrow<descriptor>,u64)->result<_,$filesystem-error>",
    "[method]descriptor.set-times": "(borrow<descriptor>,$new-timestamp,$new-timestamp)->result<_,$filesystem-error>",
    "[method]descriptor.read": "(borrow<descriptor>,u64,u64)->result<tuple<list<u8>,bool>,$filesystem-error>",
    "[method]descriptor.write": "(borrow<descriptor>,list<u8>,u64)->result<u64,$filesystem-error>",
    "[method]descriptor.read-directory": "(borrow<descriptor>)->result<own<directory-entry-stream>,$filesystem-error>",
    "[method]descriptor.sync": "(borrow<descriptor>)->result<_,$filesystem-error>",
    "[method]descriptor.create-directory-at": "(borrow<descriptor>,string)->result<_,$filesystem-error>",
    "[method]descriptor.stat": "(borrow<descriptor>)->result<$descriptor-stat,$filesystem-error>",
    "[method]descriptor.stat-at":
      "(borrow<descriptor>,flags{symlink-follow},string)->result<$descriptor-stat,$filesystem-error>",
    "[method]descriptor.set-times-at":
      "(borrow<descriptor>,flags{symlink-follow},string,$new-timestamp,$new-timestamp)->result<_,$filesystem-error>",
    "[method]descriptor.link-at":
      "(borrow<descriptor>,flags{symlink-follow},string,borrow<descriptor>,string)->result<_,$filesystem-error>",
    "[method]descriptor.open-at":
      "(borrow<descriptor>,flags{symlink-follow},string,flags{create,directory,exclusive,truncate},$descriptor-flags)->result<own<descriptor>,$filesystem-error>",
    "[method]descriptor.readlink-at": "(borrow<descriptor>,string)->result<string,$filesystem-error>",
    "[method]descriptor.remove-directory-at": "(borrow<descriptor>,string)->result<_,$filesystem-error>",
    "[method]descriptor.rename-at":
      "(borrow<descriptor>,string,borrow<descriptor>,string)->result<_,$filesystem-error>",
    "[method]descriptor.symlink-at": "(borrow<descriptor>,string,string)->result<_,$filesystem-error>",
    "[method]descriptor.unlink-file-at": "(borrow<descriptor>,string)->result<_,$filesystem-error>",
    "[method]descriptor.is-same-object": "(borrow<descriptor>,borrow<descriptor>)->bool",
    "[method]descriptor.metadata-hash": "(borrow<descriptor>)->result<$metadata-hash,$filesystem-error>",
    "[method]descriptor.metadata-hash-at":
      "(borrow<descriptor>,flags{symlink-follow},string)->result<$metadata-hash,$filesystem-error>",
    "[method]directory-entry-stream.read-directory-entry":
      "(borrow<directory-entry-stream>)->result<option<record{type:$descriptor-type,name:string}>,$filesystem-error>",
    "filesystem-error-code": "(borrow<error>)->option<$filesystem-error>",
  },
  "wasi:http/outgoing-handler": {
    handle: "(own<outgoing-request>,option<own<request-options>>)->result<own<future-incoming-response>,$http-error>",
  },
  "wasi:http/types": {
    "[constructor]fields": "()->own<fields>",
    "[static]fields.from-list": "(list<tuple<string,list<u8>>>)->result<own<fields>,$header-error>",
    "[method]fields.get": "(borrow<fields>,string)->list<list<u8>>",
    "[method]fields.has": "(borrow<fields>,string)->bool",
    "[method]fields.set": "(borrow<fields>,string,list<list<u8>>)->result<_,$header-error>",
    "[method]fields.delete": "(borrow<fields>,string)->result<_,$header-error>",
    "[method]fields.append": "(borrow<fields>,string,list<u8>)->result<_,$header-error>",
    "[method]fields.entries": "(borrow<fields>)->list<tuple<string,list<u8>>>",
    "[method]fields.clone": "(borrow<fields>)->own<fields>",
    "[method]incoming-request.method": "(borrow<incoming-request>)->$method",
    "[method]incoming-request.path-with-query": "(borrow<incoming-request>)->option<string>",
    "[method]incoming-request.scheme": "(borrow<incoming-request>)->option<$scheme>",
    "[method]incoming-request.authority": "(borrow<incoming-request>)->option<string>",
    "[method]incoming-request.headers": "(borrow<incoming-request>)->own<fields>",
    "[method]incoming-request.consume": "(borrow<incoming-request>)->result<own<incoming-body>,_>",
    "[constructor]outgoing-request": "(own<fields>)->own<outgoing-request>",
    "[method]outgoing-request.body": "(borrow<outgoing-request>)->result<own<outgoing-body>,_>",
    "[method]outgoing-request.method": "(borrow<outgoing-request>)->$method",
    "[method]outgoing-request.set-method": "(borrow<outgoing-request>,$method)->result<_,_>",
    "[method]outgoing-request.path-with-query": "(borrow<outgoing-request>)->option<string>",
    "[method]outgoing-request.set-path-with-query": "(borrow<outgoing-request>,option<string>)->result<_,_>",
    "[method]outgoing-request.scheme": "(borrow<outgoing-request>)->option<$scheme>",
    "[method]outgoing-request.set-scheme": "(borrow<outgoing-request>,option<$scheme>)->result<_,_>",
    "[method]outgoing-request.authority": "(borrow<outgoing-request>)->option<string>",
    "[method]outgoing-request.set-authority": "(borrow<outgoing-request>,option<string>)->result<_,_>",
    "[method]outgoing-request.headers": "(borrow<outgoing-request>)->own<fields>",
    "[constructor]request-options": "()->own<request-options>",
    "[method]request-options.connect-timeout": "(borrow<request-options>)->option<u64>",
    "[method]request-options.set-connect-timeout": "(borrow<request-options>,option<u64>)->result<_,_>",
    "[method]request-options.first-byte-timeout": "(borrow<request-options>)->option<u64>",
    "[method]request-options.set-first-byte-timeout": "(borrow<request-options>,option<u64>)->result<_,_>",
    "[method]request-options.between-bytes-timeout": "(borrow<request-options>)->option<u64>",
    "[method]request-options.set-between-bytes-timeout": "(borrow<request-options>,option<u64>)->result<_,_>",
    "[method]response-outparam.send-informational":
      "(borrow<response-outparam>,u16,own<fields>)->result<_,$http-error>",
    "[static]response-outparam.set": "(own<response-outparam>,result<own<outgoing-response>,$http-error>)->_",
    "[method]incoming-response.status": "(borrow<incoming-response>)->u16",
    "[method]incoming-response.headers": "(borrow<incoming-response>)->own<fields>",
    "[method]incoming-response.consume": "(borrow<incoming-response>)->result<own<incoming-body>,_>",
    "[method]incoming-body.stream": "(borrow<incoming-body>)->result<own<input-stream>,_>",
    "[static]incoming-body.finish": "(own<incoming-body>)->own<future-trailers>",
    "[method]future-trailers.subscribe": "(borrow<future-trailers>)->own<pollable>",
    "[method]future-trailers.get":
      "(borrow<future-trailers>)->option<result<result<option<own<fields>>,$http-error>,_>>",
    "[constructor]outgoing-response": "(own<fields>)->own<outgoing-response>",
    "[method]outgoing-response.status-code": "(borrow<outgoing-response>)->u16",
    "[method]outgoing-response.set-status-code": "(borrow<outgoing-response>,u16)->result<_,_>",
    "[method]outgoing-response.headers": "(borrow<outgoing-response>)->own<fields>",
    "[method]outgoing-response.body": "(borrow<outgoing-response>)->result<own<outgoing-body>,_>",
    "[method]outgoing-body.write": "(borrow<outgoing-body>)->result<own<output-stream>,_>",
    "[static]outgoing-body.finish": "(own<outgoing-body>,option<own<fields>>)->result<_,$http-error>",
    "[method]future-incoming-response.subscribe": "(borrow<future-incoming-response>)->own<pollable>",
    "[method]future-incoming-response.get":
      "(borrow<future-incoming-response>)->option<result<result<own<incoming-response>,$http-error>,_>>",
    "http-error-code": "(borrow<error>)->option<$http-error>",
  },
  "wasi:io/error": {
    "[method]error.to-debug-string": "(borrow<error>)->string",
  },
  "wasi:io/poll": {
    "[method]pollable.ready": "(borrow<pollable>)->bool",
    "[method]pollable.block": "(borrow<pollable>)->_",
    poll: "(list<borrow<pollable>>)->list<u32>",
  },
  "wasi:io/streams": {
    "[method]input-stream.read": "(borrow<input-stream>,u64)->result<list<u8>,$stream-error>",
    "[method]input-stream.blocking-read": "(borrow<input-stream>,u64)->result<list<u8>,$stream-error>",
    "[method]input-stream.skip": "(borrow<input-stream>,u64)->result<u64,$stream-error>",
    "[method]input-stream.blocking-skip": "(borrow<input-stream>,u64)->result<u64,$stream-error>",
    "[method]input-stream.subscribe": "(borrow<input-stream>)->own<pollable>",
    "[method]output-stream.check-write": "(borrow<output-stream>)->result<u64,$stream-error>",
    "[method]output-stream.write": "(borrow<output-stream>,list<u8>)->result<_,$stream-error>",
    "[method]output-stream.blocking-write-and-flush": "(borrow<output-stream>,list<u8>)->result<_,$stream-error>",
    "[method]output-stream.flush": "(borrow<output-stream>)->result<_,$stream-error>",
    "[method]output-stream.blocking-flush": "(borrow<output-stream>)->result<_,$stream-error>",
    "[method]output-stream.subscribe": "(borrow<output-stream>)->own<pollable>",
    "[method]output-stream.write-zeroes": "(borrow<output-stream>,u64)->result<_,$stream-error>",
    "[method]output-stream.blocking-write-zeroes-and-flush": "(borrow<output-stream>,u64)->result<_,$stream-error>",
    "[method]output-stream.splice": "(borrow<output-stream>,borrow<input-stream>,u64)->result<u64,$stream-error>",
    "[method]output-stream.blocking-splice":
      "(borrow<output-stream>,borrow<input-stream>,u64)->result<u64,$stream-error>",
  },
  "wasi:logging/logging": {
    log: "(enum{trace,debug,info,warn,error,critical},string,string)->_",
  },
  "wasi:random/insecure": {
    "get-insecure-random-bytes": "(u64)->list<u8>",
    "get-insecure-random-u64": "()->u64",
  },
  "wasi:random/insecure-seed": {
    "insecure-seed": "()->tuple<u64,u64>",
  },
  "wasi:random/random": {
    "get-random-bytes": "(u64)->list<u8>",
    "get-random-u64": "()->u64",
  },
  "wasi:sockets/instance-network": {
    "instance-network": "()->own<network>",
  },
  "wasi:sockets/ip-name-lookup": {
    "[method]resolve-address-stream.resolve-next-address":
      "(borrow<resolve-address-stream>)->result<option<variant{ipv4(tuple<u8,u8,u8,u8>),ipv6($ipv6)}>,$socket-error>",
    "[method]resolve-address-stream.subscribe": "(borrow<resolve-address-stream>)->own<pollable>",
    "resolve-addresses": "(borrow<network>,string)->result<own<resolve-address-stream>,$socket-error>",
  },
  "wasi:sockets/network": {
    "network-error-code": "(borrow<error>)->option<$socket-error>",
  },
  "wasi:sockets/tcp": {
    "[method]tcp-socket.start-bind": "(borrow<tcp-socket>,borrow<network>,$socket-address)->result<_,$socket-error>",
    "[method]tcp-socket.finish-bind": "(borrow<tcp-socket>)->result<_,$socket-error>",
    "[method]tcp-socket.start-connect": "(borrow<tcp-socket>,borrow<network>,$socket-address)->result<_,$socket-error>",
    "[method]tcp-socket.finish-connect":
      "(borrow<tcp-socket>)->result<tuple<own<input-stream>,own<output-stream>>,$socket-error>",
    "[method]tcp-socket.start-listen": "(borrow<tcp-socket>)->result<_,$socket-error>",
    "[method]tcp-socket.finish-listen": "(borrow<tcp-socket>)->result<_,$socket-error>",
    "[method]tcp-socket.accept":
      "(borrow<tcp-socket>)->result<tuple<own<tcp-socket>,own<input-stream>,own<output-stream>>,$socket-error>",
    "[method]tcp-socket.local-address": "(borrow<tcp-socket>)->result<$socket-address,$socket-error>",
    "[method]tcp-socket.remote-address": "(borrow<tcp-socket>)->result<$socket-address,$socket-error>",
    "[method]tcp-socket.is-listening": "(borrow<tcp-socket>)->bool",
    "[method]tcp-socket.address-family": "(borrow<tcp-socket>)->enum{ipv4,ipv6}",
    "[method]tcp-socket.set-listen-backlog-size": "(borrow<tcp-socket>,u64)->result<_,$socket-error>",
    "[method]tcp-socket.keep-alive-enabled": "(borrow<tcp-socket>)->result<bool,$socket-error>",
    "[method]tcp-socket.set-keep-alive-enabled": "(borrow<tcp-socket>,bool)->result<_,$socket-error>",
    "[method]tcp-socket.keep-alive-idle-time": "(borrow<tcp-socket>)->result<u64,$socket-error>",
    "[method]tcp-socket.set-keep-alive-idle-time": "(borrow<tcp-socket>,u64)->result<_,$socket-error>",
    "[method]tcp-socket.keep-alive-interval": "(borrow<tcp-socket>)->result<u64,$socket-error>",
    "[method]tcp-socket.set-keep-alive-interval": "(borrow<tcp-socket>,u64)->result<_,$socket-error>",
    "[method]tcp-socket.keep-alive-count": "(borrow<tcp-socket>)->result<u32,$socket-error>",
    "[method]tcp-socket.set-keep-alive-count": "(borrow<tcp-socket>,u32)->result<_,$socket-error>",
    "[method]tcp-socket.hop-limit": "(borrow<tcp-socket>)->result<u8,$socket-error>",
    "[method]tcp-socket.set-hop-limit": "(borrow<tcp-socket>,u8)->result<_,$socket-error>",
    "[method]tcp-socket.receive-buffer-size": "(borrow<tcp-socket>)->result<u64,$socket-error>",
    "[method]tcp-socket.set-receive-buffer-size": "(borrow<tcp-socket>,u64)->result<_,$socket-error>",
    "[method]tcp-socket.send-buffer-size": "(borrow<tcp-socket>)->result<u64,$socket-error>",
    "[method]tcp-socket.set-send-buffer-size": "(borrow<tcp-socket>,u64)->result<_,$socket-error>",
    "[method]tcp-socket.subscribe": "(borrow<tcp-socket>)->own<pollable>",
    "[method]tcp-socket.shutdown": "(borrow<tcp-socket>,enum{receive,send,both})->result<_,$socket-error>",
  },
  "wasi:sockets/tcp-create-socket": {
    "create-tcp-socket": "(enum{ipv4,ipv6})->result<own<tcp-socket>,$socket-error>",
  },
  "wasi:sockets/udp": {
    "[method]udp-socket.start-bind": "(borrow<udp-socket>,borrow<network>,$socket-address)->result<_,$socket-error>",
    "[method]udp-socket.finish-bind": "(borrow<udp-socket>)->result<_,$socket-error>",
    "[method]udp-socket.stream":
      "(borrow<udp-socket>,option<$socket-address>)->result<tuple<own<incoming-datagram-stream>,own<outgoing-datagram-stream>>,$socket-error>",
    "[method]udp-socket.local-address": "(borrow<udp-socket>)->result<$socket-address,$socket-error>",
    "[method]udp-socket.remote-address": "(borrow<udp-socket>)->result<$socket-address,$socket-error>",
    "[method]udp-socket.address-family": "(borrow<udp-socket>)->enum{ipv4,ipv6}",
    "[method]udp-socket.unicast-hop-limit": "(borrow<udp-socket>)->result<u8,$socket-error>",
    "[method]udp-socket.set-unicast-hop-limit": "(borrow<udp-socket>,u8)->result<_,$socket-error>",
    "[method]udp-socket.receive-buffer-size": "(borrow<udp-socket>)->result<u64,$socket-error>",
    "[method]udp-socket.set-receive-buffer-size": "(borrow<udp-socket>,u64)->result<_,$socket-error>",
    "[method]udp-socket.send-buffer-size": "(borrow<udp-socket>)->result<u64,$socket-error>",
    "[method]udp-socket.set-send-buffer-size": "(borrow<udp-socket>,u64)->result<_,$socket-error>",
    "[method]udp-socket.subscribe": "(borrow<udp-socket>)->own<pollable>",
    "[method]incoming-datagram-stream.receive":
      "(borrow<incoming-datagram-stream>,u64)->result<list<record{data:list<u8>,remote-address:$socket-address}>,$socket-error>",
    "[method]incoming-datagram-stream.subscribe": "(borrow<incoming-datagram-stream>)->own<pollable>",
    "[method]outgoing-datagram-stream.check-send": "(borrow<outgoing-datagram-stream>)->result<u64,$socket-error>",
    "[method]outgoing-datagram-stream.send":
      "(borrow<outgoing-datagram-stream>,list<record{data:list<u8>,remote-address:option<$socket-address>}>)->result<u64,$socket-error>",
    "[method]outgoing-datagram-stream.subscribe": "(borrow<outgoing-datagram-stream>)->own<pollable>",
  },
  "wasi:sockets/udp-create-socket": {
    "create-udp-socket": "(enum{ipv4,ipv6})->result<own<udp-socket>,$socket-error>",
  },
};
