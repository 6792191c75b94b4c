// Files that are in memory alone and have a path, over Node-API, for add-ons that are inside the single executable:
//
//   memoryFile(name) -> file descriptor of the one that this process has under that name, or -ENOENT
//   memoryFile(name, bytes) -> the same; it is made when there is none yet. Or another negative errno
//
// A descriptor stays open until the process ends, and no other file of this process ever has its number: the C library
// takes two libraries with one path for one, even if the file behind it is another by then.

#define NAPI_VERSION 8
#include <node_api.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace {

// Since Linux 6.3, which may want it said that a file holds code; older ones refuse the flag.
constexpr unsigned int kExecutable = 0x10;

std::mutex mutex;
// Of the process: all of its threads have this one library. Never destroyed, as threads may outlive the end of main().
auto& files = *new std::map<std::string, int>();

napi_value Number(napi_env env, int64_t value) {
  napi_value number = nullptr;
  napi_create_int64(env, value, &number);
  return number;
}

int Make(const char* name, const uint8_t* bytes, size_t length) {
  auto create = [name](unsigned int flags) { return static_cast<int>(syscall(SYS_memfd_create, name, flags)); };
  int fd = create(MFD_CLOEXEC | kExecutable);
  if (fd < 0 && errno == EINVAL) fd = create(MFD_CLOEXEC);
  if (fd < 0) return -errno;
  for (size_t done = 0; done < length;) {
    ssize_t written = write(fd, bytes + done, length - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      int failure = -errno;
      close(fd);
      return failure;
    }
    done += static_cast<size_t>(written);
  }
  return fd;
}

napi_value MemoryFile(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  char name[128];
  size_t name_length = 0;
  bool given = false;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) != napi_ok || argc < 1 ||
      napi_get_value_string_utf8(env, argv[0], name, sizeof(name), &name_length) != napi_ok || name_length == 0 ||
      (argc > 1 && (napi_is_typedarray(env, argv[1], &given) != napi_ok || !given))) {
    napi_throw_type_error(env, nullptr, "Want a name of 1 to 127 bytes, and perhaps a Uint8Array");
    return nullptr;
  }
  std::lock_guard<std::mutex> lock(mutex);
  auto found = files.find(name);
  if (found != files.end()) return Number(env, found->second);
  if (!given) return Number(env, -ENOENT);
  void* bytes = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, argv[1], &type, &length, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return Number(env, -EINVAL);
  }
  int fd = Make(name, static_cast<const uint8_t*>(bytes), length);
  if (fd >= 0) files.emplace(name, fd);
  return Number(env, fd);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_property_descriptor function = {"memoryFile", nullptr, MemoryFile, nullptr,
                                       nullptr,      nullptr, napi_enumerable, nullptr};
  napi_define_properties(env, exports, 1, &function);
  return exports;
}
