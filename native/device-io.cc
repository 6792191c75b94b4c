// What Node's fs and net lack for device files and datagrams of Unix sockets, over Node-API:
//
//   ioctl(fd, request, argument, pointers) -> result, or the negative errno
//   ioctlLater(fd, request, argument, pointers) -> promise of the same, from a thread of libuv's pool
//   watch(fd, priority, size, listener) -> handle, or the negative errno
//   unwatch(handle)
//   sendDatagram(address, message) -> 0, or the negative errno
//
// `argument` is a number or a Uint8Array. `pointers` is a flat list of (holder, offset, target): the address of `target`
// stands at `offset` of `holder` during the call, and zeros afterwards.
//
// The listener of a watch gets a Buffer with what one read gave, or a number when there is no more to come: 0 at the end
// of the file, else the negative errno. It runs in a callback scope, so that promises it settles go on at once.
//
// `address` is the path of a Unix socket as a Uint8Array; one that begins with a zero is of the abstract namespace. Nothing
// is waited for: a receiver whose queue is full is -EAGAIN.

#define NAPI_VERSION 8
#include <node_api.h>
#include <uv.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr size_t kPointerSize = sizeof(void*);
constexpr uint32_t kMaxPointers = 256;
constexpr uint32_t kMaxRead = 64 * 1024;

napi_value Fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

napi_value Number(napi_env env, int64_t value) {
  napi_value number = nullptr;
  napi_create_int64(env, value, &number);
  return number;
}

bool ToBytes(napi_env env, napi_value value, uint8_t** bytes, size_t* length) {
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return false;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, length, &data, nullptr, nullptr) != napi_ok) return false;
  *bytes = static_cast<uint8_t*>(data);
  return type == napi_uint8_array;
}

// Bits 30 and 31 of a request say that it has an argument of the size in bits 16 to 29; old ones have none of that.
size_t ArgumentSize(uint32_t request) { return (request >> 30) == 0 ? 0 : (request >> 16) & 0x3fff; }

// What one call is made of. Its buffers belong to JavaScript.
struct Call {
  int32_t fd;
  uint32_t request;
  uint8_t* bytes = nullptr;
  int64_t number = 0;
  std::vector<uint8_t*> places;
  std::vector<uint8_t*> targets;

  int64_t Run() {
    for (size_t i = 0; i < places.size(); i++) memcpy(places[i], &targets[i], kPointerSize);
    int result = bytes != nullptr ? ioctl(fd, request, bytes) : ioctl(fd, request, static_cast<long>(number));
    if (result < 0) result = -errno;
    for (uint8_t* place : places) memset(place, 0, kPointerSize);
    return result;
  }
};

// Fills `call`, or throws and says false: a list that is wrong leaves no address behind.
bool Parse(napi_env env, const napi_value* argv, size_t argc, Call* call) {
  if (argc < 4 || napi_get_value_int32(env, argv[0], &call->fd) != napi_ok ||
      napi_get_value_uint32(env, argv[1], &call->request) != napi_ok) {
    return Fail(env, "Want a descriptor, a request, an argument and pointers");
  }
  uint32_t count = 0;
  if (napi_get_array_length(env, argv[3], &count) != napi_ok || count % 3 != 0 || count > 3 * kMaxPointers) {
    return Fail(env, "Want pointers as a list of (holder, offset, target)");
  }
  size_t length = 0;
  if (ToBytes(env, argv[2], &call->bytes, &length)) {
    if (length < ArgumentSize(call->request)) return Fail(env, "The argument is smaller than the request says");
  } else {
    call->bytes = nullptr;
    if (napi_get_value_int64(env, argv[2], &call->number) != napi_ok) {
      return Fail(env, "Want a Uint8Array or a number as argument");
    }
  }
  for (uint32_t i = 0; i < count; i += 3) {
    napi_value parts[3];
    for (uint32_t part = 0; part < 3; part++) napi_get_element(env, argv[3], i + part, &parts[part]);
    uint8_t* holder;
    uint8_t* target;
    size_t holder_length;
    size_t target_length;
    uint32_t offset;
    if (!ToBytes(env, parts[0], &holder, &holder_length) || napi_get_value_uint32(env, parts[1], &offset) != napi_ok ||
        !ToBytes(env, parts[2], &target, &target_length) || holder_length < kPointerSize ||
        offset > holder_length - kPointerSize) {
      return Fail(env, "Want pointers that lie inside of their holders");
    }
    call->places.push_back(holder + offset);
    call->targets.push_back(target);
  }
  return true;
}

napi_value Ioctl(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  Call call;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  return Parse(env, argv, argc, &call) ? Number(env, call.Run()) : nullptr;
}

struct Work {
  Call call;
  int64_t result = 0;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  // Keeps the buffers from being collected meanwhile.
  napi_ref kept = nullptr;
};

napi_value IoctlLater(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  auto* work = new Work();
  if (!Parse(env, argv, argc, &work->call)) {
    delete work;
    return nullptr;
  }
  napi_value promise;
  napi_value kept;
  napi_value name;
  napi_create_promise(env, &work->deferred, &promise);
  napi_create_array_with_length(env, 2, &kept);
  napi_set_element(env, kept, 0, argv[2]);
  napi_set_element(env, kept, 1, argv[3]);
  napi_create_reference(env, kept, 1, &work->kept);
  napi_create_string_utf8(env, "petiole.ioctl", NAPI_AUTO_LENGTH, &name);
  auto execute = [](napi_env, void* data) {
    auto* work = static_cast<Work*>(data);
    work->result = work->call.Run();
  };
  auto complete = [](napi_env env, napi_status, void* data) {
    auto* work = static_cast<Work*>(data);
    napi_resolve_deferred(env, work->deferred, Number(env, work->result));
    napi_delete_reference(env, work->kept);
    napi_delete_async_work(env, work->work);
    delete work;
  };
  napi_create_async_work(env, nullptr, name, execute, complete, work, &work->work);
  napi_queue_async_work(env, work->work);
  return promise;
}

// Freed when libuv and JavaScript have both let go of it.
struct Watch {
  uv_poll_t poll;
  napi_env env;
  napi_ref listener = nullptr;
  napi_ref handle = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  int fd;
  bool priority;
  bool closing = false;
  bool closed = false;
  bool finalized = false;
  std::vector<uint8_t> buffer;

  void Close() {
    if (closing) return;
    closing = true;
    uv_poll_stop(&poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
      auto* watch = static_cast<Watch*>(handle->data);
      napi_delete_reference(watch->env, watch->listener);
      napi_delete_reference(watch->env, watch->handle);
      napi_async_destroy(watch->env, watch->context);
      napi_remove_async_cleanup_hook(watch->hook);
      watch->closed = true;
      if (watch->finalized) delete watch;
    });
  }

  void Tell(napi_value what) {
    napi_value function;
    napi_value receiver;
    if (napi_get_reference_value(env, listener, &function) != napi_ok ||
        napi_get_global(env, &receiver) != napi_ok) {
      return;
    }
    if (napi_make_callback(env, context, receiver, function, 1, &what, nullptr) != napi_pending_exception) return;
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }

  void OnReady(int status) {
    napi_handle_scope scope;
    if (closing || napi_open_handle_scope(env, &scope) != napi_ok) return;
    ssize_t got = priority ? pread(fd, buffer.data(), buffer.size(), 0) : read(fd, buffer.data(), buffer.size());
    int error = got < 0 ? -errno : 0;
    bool later = error == -EAGAIN || error == -EINTR;
    if (got > 0) {
      napi_value data;
      if (napi_create_buffer_copy(env, static_cast<size_t>(got), buffer.data(), nullptr, &data) == napi_ok) Tell(data);
    }
    // libuv has stopped polling when it reports an error, which reading says more exactly.
    if (status < 0 && (got > 0 || later)) error = status;
    if (!closing && (status < 0 || (got <= 0 && !later))) {
      uv_poll_stop(&poll);
      Tell(Number(env, error));
    }
    napi_close_handle_scope(env, scope);
  }
};

napi_value StartWatch(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  int32_t fd;
  bool priority;
  uint32_t size;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) != napi_ok || argc < 4 ||
      napi_get_value_int32(env, argv[0], &fd) != napi_ok || napi_get_value_bool(env, argv[1], &priority) != napi_ok ||
      napi_get_value_uint32(env, argv[2], &size) != napi_ok || size == 0 || size > kMaxRead ||
      napi_typeof(env, argv[3], &type) != napi_ok || type != napi_function) {
    return Fail(env, "Want a descriptor, whether by priority, a size of 1 to 65536 and a listener");
  }
  uv_loop_t* loop;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Fail(env, "There is no event loop");
  auto* watch = new Watch();
  int started = uv_poll_init(loop, &watch->poll, fd);
  if (started < 0) {
    delete watch;
    return Number(env, started);
  }
  watch->poll.data = watch;
  watch->env = env;
  watch->fd = fd;
  watch->priority = priority;
  watch->buffer.resize(size);
  napi_value name;
  napi_value handle;
  napi_create_string_utf8(env, "petiole.watch", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, nullptr, name, &watch->context);
  napi_create_reference(env, argv[3], 1, &watch->listener);
  auto finalize = [](napi_env, void* data, void*) {
    auto* watch = static_cast<Watch*>(data);
    watch->finalized = true;
    if (watch->closed) delete watch;
  };
  napi_create_external(env, watch, finalize, nullptr, &handle);
  napi_create_reference(env, handle, 1, &watch->handle);
  // The end of a worker closes what it watches.
  auto end = [](napi_async_cleanup_hook_handle, void* data) { static_cast<Watch*>(data)->Close(); };
  napi_add_async_cleanup_hook(env, end, watch, &watch->hook);
  auto ready = [](uv_poll_t* poll, int status, int) { static_cast<Watch*>(poll->data)->OnReady(status); };
  started = uv_poll_start(&watch->poll, priority ? UV_PRIORITIZED : UV_READABLE, ready);
  if (started < 0) {
    watch->Close();
    return Number(env, started);
  }
  return handle;
}

napi_value EndWatch(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  void* data;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) != napi_ok || argc < 1 ||
      napi_get_value_external(env, argv[0], &data) != napi_ok) {
    return Fail(env, "Want the handle of a watch");
  }
  static_cast<Watch*>(data)->Close();
  return nullptr;
}

napi_value SendDatagram(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  uint8_t* path;
  uint8_t* message;
  size_t path_length;
  size_t length;
  sockaddr_un address{};
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) != napi_ok || argc < 2 ||
      !ToBytes(env, argv[0], &path, &path_length) || path_length == 0 ||
      path_length >= sizeof(address.sun_path) || !ToBytes(env, argv[1], &message, &length)) {
    return Fail(env, "Want an address of 1 to 107 bytes and a message, as Uint8Array");
  }
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, path_length);
  // The zero at the end of a path does not count; a name of the abstract namespace has none.
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_length);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Number(env, -errno);
  ssize_t sent = sendto(fd, message, length, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  int result = sent < 0 ? -errno : 0;
  close(fd);
  return Number(env, result);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_property_descriptor functions[] = {
      {"ioctl", nullptr, Ioctl, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"ioctlLater", nullptr, IoctlLater, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"watch", nullptr, StartWatch, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"unwatch", nullptr, EndWatch, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"sendDatagram", nullptr, SendDatagram, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 5, functions);
  return exports;
}
