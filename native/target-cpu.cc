// Preloaded into an emulated process that compiles for another processor: what the kernel tells about the processor is
// taken from the environment (PETIOLE_HWCAP, PETIOLE_HWCAP2), since emulated processors have features that boards with
// the same core leave out.

#include <dlfcn.h>
#include <sys/auxv.h>

#include <cstdlib>

extern "C" __attribute__((visibility("default"))) unsigned long getauxval(unsigned long type) noexcept {
  using GetAuxval = unsigned long (*)(unsigned long);
  static const auto original = reinterpret_cast<GetAuxval>(dlsym(RTLD_NEXT, "getauxval"));
  const char* name = type == AT_HWCAP ? "PETIOLE_HWCAP" : type == AT_HWCAP2 ? "PETIOLE_HWCAP2" : nullptr;
  const char* given = name == nullptr ? nullptr : std::getenv(name);
  return given == nullptr ? original(type) : std::strtoul(given, nullptr, 0);
}
