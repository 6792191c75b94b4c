// Machine code of WebAssembly modules as bytes, over V8's public embedder API:
//
//   serialize(module) -> Promise<ArrayBuffer>   what is compiled by now, made in a thread of the pool; empty if nothing
//   load(wireBytes, machineCode) -> { accepted, module: Promise<WebAssembly.Module> }
//   releaseMemory()                             collects this thread's garbage, the last of it too, and gives back what is free
//
// V8 checks the header of machine code (its version, CPU features, flags) and nothing else. What was changed behind the
// header is executed as it is: whoever calls load() has verified both arguments before.

#include <malloc.h>
#include <node.h>
#include <uv.h>
#include <v8.h>

#include <cstring>
#include <memory>
#include <utility>
#include <variant>

namespace {

using v8::ArrayBuffer;
using v8::ArrayBufferView;
using v8::BackingStore;
using v8::Boolean;
using v8::CompiledWasmModule;
using v8::Context;
using v8::Exception;
using v8::FunctionCallbackInfo;
using v8::Global;
using v8::HandleScope;
using v8::Isolate;
using v8::Local;
using v8::MemorySpan;
using v8::Object;
using v8::OwnedBuffer;
using v8::Promise;
using v8::String;
using v8::Value;
using v8::WasmModuleCompilation;
using v8::WasmModuleObject;
using v8::WasmStreaming;

// Magic number, hash of V8's version, CPU features, hash of the flags: a word each.
constexpr size_t kHeaderSize = 16;

void Throw(Isolate* isolate, const char* message) {
  isolate->ThrowException(Exception::TypeError(String::NewFromUtf8(isolate, message).ToLocalChecked()));
}

Local<String> Name(Isolate* isolate, const char* text) {
  return String::NewFromUtf8(isolate, text, v8::NewStringType::kInternalized).ToLocalChecked();
}

// What the add-on has under way in one environment (the main thread or a worker).
struct Environment {
  Isolate* isolate;
  int running = 0;
  bool closing = false;
  void (*closed)(void*) = nullptr;
  void* closed_data = nullptr;
  node::AsyncCleanupHookHandle hook;

  void End() {
    running--;
    if (closing && running == 0) Closed();
  }

  void Closed() {
    auto done = closed;
    void* data = closed_data;
    delete this;
    done(data);
  }
};

// A thread of the pool must not touch modules of an environment that is gone: its end waits for them.
void OnClose(void* data, void (*done)(void*), void* done_data) {
  auto* environment = static_cast<Environment*>(data);
  environment->closing = true;
  environment->closed = done;
  environment->closed_data = done_data;
  if (environment->running == 0) environment->Closed();
}

Environment* Data(const FunctionCallbackInfo<Value>& info) {
  return static_cast<Environment*>(info.Data().As<v8::External>()->Value(v8::kExternalPointerTypeTagDefault));
}

bool ToModule(const FunctionCallbackInfo<Value>& info, Local<WasmModuleObject>* module) {
  if (!info[0]->IsWasmModuleObject()) {
    Throw(info.GetIsolate(), "Want a WebAssembly.Module");
    return false;
  }
  *module = info[0].As<WasmModuleObject>();
  return true;
}

Local<ArrayBuffer> ToArrayBuffer(Isolate* isolate, OwnedBuffer bytes) {
  if (bytes.size == 0) return ArrayBuffer::New(isolate, 0);
  void* data = const_cast<uint8_t*>(bytes.buffer.release());
  auto free = [](void* data, size_t, void*) { delete[] static_cast<uint8_t*>(data); };
  std::unique_ptr<BackingStore> store = ArrayBuffer::NewBackingStore(data, bytes.size, free, nullptr);
  return ArrayBuffer::New(isolate, std::move(store));
}

struct Serialization {
  uv_work_t work;
  Environment* environment;
  CompiledWasmModule module;
  OwnedBuffer bytes;
  Global<Promise::Resolver> resolver;
  Global<Context> context;
  Global<Object> resource;

  Serialization(Environment* environment, CompiledWasmModule module)
      : environment(environment), module(std::move(module)) {}
};

void OnSerialized(uv_work_t* work, int status) {
  std::unique_ptr<Serialization> job(static_cast<Serialization*>(work->data));
  Environment* environment = job->environment;
  if (!environment->closing) {
    Isolate* isolate = environment->isolate;
    HandleScope handles(isolate);
    Local<Context> context = job->context.Get(isolate);
    Context::Scope entered(context);
    // Runs the microtasks that the promise's end causes.
    node::CallbackScope callback(isolate, job->resource.Get(isolate), {0, 0});
    Local<Promise::Resolver> resolver = job->resolver.Get(isolate);
    if (status == 0) {
      resolver->Resolve(context, ToArrayBuffer(isolate, std::move(job->bytes))).FromMaybe(false);
    } else {
      resolver->Reject(context, Exception::Error(Name(isolate, uv_strerror(status)))).FromMaybe(false);
    }
  }
  job.reset();
  environment->End();
}

void Serialize(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  Local<WasmModuleObject> module;
  Local<Promise::Resolver> resolver;
  if (!ToModule(info, &module) || !Promise::Resolver::New(context).ToLocal(&resolver)) return;
  Environment* environment = Data(info);
  auto job = std::make_unique<Serialization>(environment, module->GetCompiledModule());
  job->work.data = job.get();
  job->resolver.Reset(isolate, resolver);
  job->context.Reset(isolate, context);
  job->resource.Reset(isolate, Object::New(isolate));
  auto serialize = [](uv_work_t* work) {
    auto* job = static_cast<Serialization*>(work->data);
    job->bytes = job->module.Serialize();
  };
  if (uv_queue_work(node::GetCurrentEventLoop(isolate), &job->work, serialize, OnSerialized) != 0) {
    Throw(isolate, "The thread pool takes no work");
    return;
  }
  job.release();
  environment->running++;
  info.GetReturnValue().Set(resolver->GetPromise());
}

// Bytes of a view, without copying. Its buffer must not be shared: another thread could change what was verified.
bool ToBytes(Isolate* isolate, Local<Value> value, MemorySpan<const uint8_t>* bytes) {
  if (!value->IsArrayBufferView()) {
    Throw(isolate, "Want an ArrayBufferView");
    return false;
  }
  auto view = value.As<ArrayBufferView>();
  Local<ArrayBuffer> buffer = view->Buffer();
  if (buffer.As<Value>()->IsSharedArrayBuffer()) {
    Throw(isolate, "Want bytes that are not shared");
    return false;
  }
  auto* start = static_cast<const uint8_t*>(buffer->Data());
  *bytes = {start == nullptr ? nullptr : start + view->ByteOffset(), view->ByteLength()};
  return true;
}

struct Loading {
  WasmModuleCompilation compilation;
  Global<Promise::Resolver> resolver;
  bool finishing = true;
  bool ended = false;
};

void Load(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  MemorySpan<const uint8_t> wire_bytes;
  MemorySpan<const uint8_t> machine_code;
  if (!ToBytes(isolate, info[0], &wire_bytes) || !ToBytes(isolate, info[1], &machine_code)) return;
  Local<Promise::Resolver> resolver;
  if (!Promise::Resolver::New(context).ToLocal(&resolver)) return;

  auto* loading = new Loading();
  loading->resolver.Reset(isolate, resolver);
  bool accepted = false;
  // What has no code behind its header is not given to V8.
  bool usable = machine_code.size() > kHeaderSize;
  WasmStreaming::ModuleCachingCallback give_machine_code;
  if (usable) {
    loading->compilation.SetHasCompiledModuleBytes();
    give_machine_code = [&](WasmStreaming::ModuleCachingInterface& caching) {
      accepted = caching.SetCachedCompiledModuleBytes(machine_code);
    };
  }
  loading->compilation.OnBytesReceived(wire_bytes.data(), wire_bytes.size());
  loading->compilation.Finish(
      isolate, give_machine_code,
      [isolate, loading](std::variant<Local<WasmModuleObject>, Local<Value>> outcome) {
        HandleScope handles(isolate);
        Local<Promise::Resolver> resolver = loading->resolver.Get(isolate);
        Local<Context> context = resolver->GetCreationContext(isolate).ToLocalChecked();
        if (auto* module = std::get_if<Local<WasmModuleObject>>(&outcome)) {
          resolver->Resolve(context, *module).FromMaybe(false);
        } else {
          resolver->Reject(context, std::get<Local<Value>>(outcome)).FromMaybe(false);
        }
        loading->resolver.Reset();
        loading->ended = true;
        // Not here, where V8 is still in a call of the object that is to be deleted.
        if (!loading->finishing) {
          isolate->EnqueueMicrotask([](void* data) { delete static_cast<Loading*>(data); }, loading);
        }
      });
  loading->finishing = false;
  if (loading->ended) delete loading;

  Local<Object> result = Object::New(isolate);
  result->Set(context, Name(isolate, "accepted"), Boolean::New(isolate, accepted)).Check();
  result->Set(context, Name(isolate, "module"), resolver->GetPromise()).Check();
  info.GetReturnValue().Set(result);
}

void ReleaseMemory(const FunctionCallbackInfo<Value>& info) {
  info.GetIsolate()->LowMemoryNotification();
#ifdef __GLIBC__
  // What other threads have freed as well: the C library keeps it for them otherwise.
  malloc_trim(0);
#endif
}

void Export(Local<Context> context, Local<Object> exports, const char* name, v8::FunctionCallback callback,
            Local<Value> data) {
  Local<v8::Function> function = v8::Function::New(context, callback, data).ToLocalChecked();
  exports->Set(context, Name(v8::Isolate::GetCurrent(), name), function).Check();
}

}  // namespace

NODE_MODULE_INIT() {
  Isolate* isolate = Isolate::GetCurrent();
  auto* environment = new Environment();
  environment->isolate = isolate;
  environment->hook = node::AddEnvironmentCleanupHook(isolate, OnClose, environment);
  Local<Value> data = v8::External::New(isolate, environment, v8::kExternalPointerTypeTagDefault);
  Export(context, exports, "serialize", Serialize, data);
  Export(context, exports, "load", Load, data);
  Export(context, exports, "releaseMemory", ReleaseMemory, data);
}
