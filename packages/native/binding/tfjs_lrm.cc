// tfjs-node's addon as it is published, compiled together with what this package adds: functions of
// TensorFlow, the definitions of its operations, a list of the devices, operations that span several processes, operations
// of several steps in one pass, and two operations whose meaning changed after TensorFlow 2.9.
//
// link.h is written by the link command; it defines TFJS_LRM_LINK, a JSON text that tells what was linked.

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "link.h"
#include "one-pass.h"
#include "status.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/c_api_experimental.h"
#include "tensorflow/c/eager/c_api.h"
#include "tensorflow/c/eager/c_api_experimental.h"
#include "watchdog.h"

// tfjs-node keeps the names of attributes in one set for all threads, unguarded: workers that run operations
// at once would break it. This turns its declaration, and its use, into a set for each thread.
#define ATTR_NAME_SET (*AttributeNames())

// tfjs-node registers itself at the end of its second source; this file does it in its place.
#include "binding/tfjs_backend.cc"
#undef ATTR_NAME_SET
namespace tfnodejs {
static std::set<std::string> *AttributeNames() {
  static thread_local std::set<std::string> names;
  return &names;
}
}  // namespace tfnodejs
#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "binding/tfjs_binding.cc"

namespace tfjs_lrm {

using tfnodejs::EnsureValueIsArray;
using tfnodejs::EnsureValueIsNumber;
using tfnodejs::EnsureValueIsString;
using tfnodejs::TFJSBackend;

// The context and the tensors belong to the backend, and there is one backend per environment (the main
// thread, each worker): they are reached through it, never through a static. An explicit instantiation may
// name a private member, so tfjs-node's header stays as it is.
TFE_Context *&ContextOf(TFJSBackend &backend);
std::unordered_map<int32_t, TFE_TensorHandle *> &TensorsOf(TFJSBackend &backend);
// The name of the device that tensors are made on.
std::string &DeviceOf(TFJSBackend &backend);
// Gives a tensor a new number, and describes it.
napi_value Describe(TFJSBackend &backend, napi_env env, TFE_TensorHandle *handle);

template <auto Member>
struct ReachContext {
  friend TFE_Context *&ContextOf(TFJSBackend &backend) { return backend.*Member; }
};
template <auto Member>
struct ReachTensors {
  friend std::unordered_map<int32_t, TFE_TensorHandle *> &TensorsOf(TFJSBackend &backend) {
    return backend.*Member;
  }
};
template <auto Member>
struct ReachDevice {
  friend std::string &DeviceOf(TFJSBackend &backend) { return backend.*Member; }
};
template <auto Member>
struct ReachDescription {
  friend napi_value Describe(TFJSBackend &backend, napi_env env, TFE_TensorHandle *handle) {
    return (backend.*Member)(env, handle);
  }
};
template struct ReachContext<&TFJSBackend::tfe_context_>;
template struct ReachTensors<&TFJSBackend::tfe_handle_map_>;
template struct ReachDevice<&TFJSBackend::device_name>;
template struct ReachDescription<&TFJSBackend::GenerateOutputTensorInfo>;

static TFJSBackend *Backend(napi_env env) {
  void *backend = nullptr;
  napi_get_instance_data(env, &backend);
  return static_cast<TFJSBackend *>(backend);
}

// --- JavaScript values ---------------------------------------------------------------------------------

struct Arguments {
  size_t count = 4;
  napi_value values[4] = {};
  napi_value self = nullptr;
  Arguments(napi_env env, napi_callback_info info) {
    napi_get_cb_info(env, info, &count, values, &self, nullptr);
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

static napi_value Throw(napi_env env, const std::string &message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

static bool GetString(napi_env env, napi_value value, std::string *text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text->resize(length);
  return napi_get_value_string_utf8(env, value, &(*text)[0], length + 1, &length) == napi_ok;
}

static bool GetStrings(napi_env env, napi_value array, std::vector<std::string> *texts) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) return false;
  texts->resize(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    if (napi_get_element(env, array, i, &element) != napi_ok) return false;
    if (!GetString(env, element, &(*texts)[i])) return false;
  }
  return true;
}

static napi_value NewString(napi_env env, const std::string &text) {
  napi_value value;
  napi_create_string_utf8(env, text.c_str(), text.size(), &value);
  return value;
}

static napi_value NewNumber(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

static void Set(napi_env env, napi_value object, const char *name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

// --- Functions -----------------------------------------------------------------------------------------

struct Graph {
  TF_Graph *graph = TF_NewGraph();
  ~Graph() { TF_DeleteGraph(graph); }
};

// "node:index", the output of a node.
static bool FindOutputs(TF_Graph *graph, const std::vector<std::string> &names,
                        std::vector<TF_Output> *outputs, std::string *missing) {
  for (const std::string &name : names) {
    const size_t colon = name.rfind(':');
    TF_Operation *operation =
        colon == std::string::npos
            ? nullptr
            : TF_GraphOperationByName(graph, name.substr(0, colon).c_str());
    const int index = operation == nullptr ? -1 : atoi(name.c_str() + colon + 1);
    if (operation == nullptr || index < 0 || index >= TF_OperationNumOutputs(operation)) {
      *missing = name;
      return false;
    }
    outputs->push_back(TF_Output{operation, index});
  }
  return true;
}

static bool GetBytes(napi_env env, napi_value value, void **bytes, size_t *length) {
  bool is_bytes = false;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, value, &is_bytes) != napi_ok || !is_bytes) return false;
  napi_get_typedarray_info(env, value, &type, length, bytes, nullptr, nullptr);
  return type == napi_uint8_array;
}

// addFunction(name: string, graphDef: Uint8Array, inputs: string[], outputs: string[]): void
static napi_value AddFunction(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  std::string name;
  std::vector<std::string> input_names, output_names;
  void *bytes = nullptr;
  size_t length = 0;
  if (args.count != 4 || !GetString(env, args[0], &name) || !GetBytes(env, args[1], &bytes, &length) ||
      !GetStrings(env, args[2], &input_names) || !GetStrings(env, args[3], &output_names)) {
    return Throw(env, "addFunction: the arguments must be a name, a GraphDef as Uint8Array, "
                      "and two arrays of \"node:index\".");
  }

  Status status;
  Graph graph;
  TF_Buffer *definition = TF_NewBufferFromString(bytes, length);
  TF_ImportGraphDefOptions *options = TF_NewImportGraphDefOptions();
  TF_GraphImportGraphDef(graph.graph, definition, options, status.status);
  TF_DeleteImportGraphDefOptions(options);
  TF_DeleteBuffer(definition);
  if (!status.ok()) return Throw(env, "addFunction: " + status.message());

  std::vector<TF_Output> inputs, outputs;
  std::string missing;
  if (!FindOutputs(graph.graph, input_names, &inputs, &missing) ||
      !FindOutputs(graph.graph, output_names, &outputs, &missing)) {
    return Throw(env, "addFunction: the graph has no output " + missing + ".");
  }
  TF_Function *function = TF_GraphToFunction(
      graph.graph, name.c_str(), /*append_hash_to_fn_name=*/0, /*num_opers=*/-1, nullptr,
      inputs.size(), inputs.data(), outputs.size(), outputs.data(), nullptr, nullptr, nullptr,
      status.status);
  if (!status.ok()) return Throw(env, "addFunction: " + status.message());
  TFE_ContextAddFunction(ContextOf(*Backend(env)), function, status.status);
  TF_DeleteFunction(function);
  if (!status.ok()) return Throw(env, "addFunction: " + status.message());
  return nullptr;
}

// removeFunction(name: string): void
static napi_value RemoveFunction(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  std::string name;
  if (args.count < 1 || !GetString(env, args[0], &name)) {
    return Throw(env, "removeFunction: the argument must be a name.");
  }
  Status status;
  TFE_ContextRemoveFunction(ContextOf(*Backend(env)), name.c_str(), status.status);
  if (!status.ok()) return Throw(env, "removeFunction: " + status.message());
  return nullptr;
}

static bool GetNumbers(napi_env env, napi_value value, const int32_t **numbers, size_t *length) {
  bool is_array = false;
  napi_typedarray_type type;
  void *data = nullptr;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  napi_get_typedarray_info(env, value, &type, length, &data, nullptr, nullptr);
  *numbers = static_cast<const int32_t *>(data);
  return type == napi_int32_array;
}

// callFunction(name: string, attributes: Attribute[], inputs: Int32Array, targets: Int32Array): Output[]. Runs a function
// on the tensors with these numbers. There is a target for each output: the number of the tensor whose place it takes, or
// -1 for a new number, and the result describes those in order. After an error all tensors are as they were.
static napi_value CallFunction(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  std::string name;
  const int32_t *inputs = nullptr, *targets = nullptr;
  size_t input_count = 0, output_count = 0;
  uint32_t attribute_count = 0;
  if (args.count != 4 || !GetString(env, args[0], &name) ||
      napi_get_array_length(env, args[1], &attribute_count) != napi_ok ||
      !GetNumbers(env, args[2], &inputs, &input_count) || !GetNumbers(env, args[3], &targets, &output_count)) {
    return Throw(env, "callFunction: the arguments must be a name, attributes, and numbers of inputs and of targets as "
                      "Int32Array.");
  }
  TFJSBackend *backend = Backend(env);
  auto &tensors = TensorsOf(*backend);
  Status status;
  // The same text as that of executeOp.
  const auto failed = [&] {
    Watchdog::Get().EndAll(ContextOf(*backend));
    return Throw(env, "Invalid TF_Status: " + std::to_string(TF_GetCode(status.status)) + "\nMessage: " + status.message());
  };
  tfnodejs::TFE_AutoOp call(TFE_NewOp(ContextOf(*backend), name.c_str(), status.status));
  if (!status.ok()) return failed();
  for (size_t i = 0; i < input_count; i++) {
    const auto input = tensors.find(inputs[i]);
    if (input == tensors.end()) return Throw(env, "callFunction: there is no tensor " + std::to_string(inputs[i]) + ".");
    TFE_OpAddInput(call.op, input->second, status.status);
    if (!status.ok()) return failed();
  }
  std::vector<TFE_TensorHandle **> places(output_count, nullptr);
  for (size_t i = 0; i < output_count; i++) {
    if (targets[i] < 0) continue;
    const auto target = tensors.find(targets[i]);
    if (target == tensors.end()) return Throw(env, "callFunction: there is no tensor " + std::to_string(targets[i]) + ".");
    places[i] = &target->second;
  }
  for (uint32_t i = 0; i < attribute_count; i++) {
    napi_value attribute;
    napi_get_element(env, args[1], i, &attribute);
    tfnodejs::AssignOpAttr(env, call.op, attribute);
    bool has_thrown = false;
    if (napi_is_exception_pending(env, &has_thrown) != napi_ok || has_thrown) return nullptr;
  }
  std::vector<TFE_TensorHandle *> outputs(output_count, nullptr);
  int count = static_cast<int>(output_count);
  TFE_Execute(call.op, outputs.data(), &count, status.status);
  if (!status.ok()) return failed();
  napi_value described;
  napi_create_array(env, &described);
  uint32_t length = 0;
  for (size_t i = 0; i < output_count; i++) {
    if (places[i] == nullptr) continue;
    TFE_DeleteTensorHandle(*places[i]);
    *places[i] = outputs[i];
  }
  // Only now: new numbers may move the table that `places` point into.
  for (size_t i = 0; i < output_count; i++) {
    if (places[i] == nullptr) napi_set_element(env, described, length++, Describe(*backend, env, outputs[i]));
  }
  return described;
}

// definition(operation: string): Uint8Array, the OpDef of an operation; undefined where TensorFlow has none.
static napi_value Definition(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  std::string name;
  if (args.count < 1 || !GetString(env, args[0], &name)) {
    return Throw(env, "definition: the argument must be the name of an operation.");
  }
  Status status;
  Graph graph;
  TF_Buffer *definition = TF_NewBuffer();
  TF_GraphGetOpDef(graph.graph, name.c_str(), definition, status.status);
  napi_value result;
  napi_get_undefined(env, &result);
  if (status.ok()) {
    void *bytes = nullptr;
    napi_value buffer;
    napi_create_arraybuffer(env, definition->length, &bytes, &buffer);
    memcpy(bytes, definition->data, definition->length);
    napi_create_typedarray(env, napi_uint8_array, definition->length, buffer, 0, &result);
  }
  TF_DeleteBuffer(definition);
  return result;
}

// devices(): { name: string, type: string }[]
static napi_value Devices(napi_env env, napi_callback_info info) {
  Status status;
  TF_DeviceList *list = TFE_ContextListDevices(ContextOf(*Backend(env)), status.status);
  if (!status.ok()) return Throw(env, "devices: " + status.message());
  napi_value devices;
  napi_create_array(env, &devices);
  for (int i = 0; i < TF_DeviceListCount(list); i++) {
    napi_value device;
    napi_create_object(env, &device);
    Set(env, device, "name", NewString(env, TF_DeviceListName(list, i, status.status)));
    Set(env, device, "type", NewString(env, TF_DeviceListType(list, i, status.status)));
    napi_set_element(env, devices, i, device);
  }
  TF_DeleteDeviceList(list);
  return devices;
}

// --- Several processes ---------------------------------------------------------------------------------

// startCollectives(serverDef: Uint8Array): string, the device that operations run on from now on. TensorFlow starts a
// server and makes all devices anew under other names: tensors that exist already stay on devices that no operation
// runs on any longer. From now on there is LrmDeadline (watchdog.h).
static napi_value StartCollectives(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  void *bytes = nullptr;
  size_t length = 0;
  if (args.count < 1 || !GetBytes(env, args[0], &bytes, &length)) {
    return Throw(env, "startCollectives: the argument must be a ServerDef as Uint8Array.");
  }
  TFJSBackend *backend = Backend(env);
  TFE_Context *context = ContextOf(*backend);
  Status status;
  RegisterDeadline(status.status);
  if (!status.ok()) return Throw(env, "startCollectives: " + status.message());
  if (!Watchdog::Get().Watch(context)) {
    return Throw(env, "startCollectives: this process has started them already.");
  }
  TFE_EnableCollectiveOps(context, bytes, length, status.status);
  const auto leave = [](void *data) { Watchdog::Get().Leave(static_cast<TFE_Context *>(data)); };
  if (!status.ok()) {
    leave(context);
    return Throw(env, "startCollectives: " + status.message());
  }
  // Hooks run before the backend deletes its context.
  napi_add_env_cleanup_hook(env, leave, context);
  // The list may hold the devices of all processes; this one's begin with its own address space.
  TF_Buffer *space = TF_NewBuffer();
  TFE_HostAddressSpace(context, space);
  const std::string prefix(static_cast<const char *>(space->data), space->length);
  TF_DeleteBuffer(space);
  TF_DeviceList *list = TFE_ContextListDevices(context, status.status);
  if (!status.ok()) return Throw(env, "startCollectives: " + status.message());
  std::string cpu, gpu;
  for (int i = 0; i < TF_DeviceListCount(list); i++) {
    const std::string name = TF_DeviceListName(list, i, status.status);
    const std::string type = TF_DeviceListType(list, i, status.status);
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    if (type == "CPU" && cpu.empty()) cpu = name;
    if (type == "GPU") gpu = name;  // the last one, as tfjs-node chooses
  }
  TF_DeleteDeviceList(list);
  DeviceOf(*backend) = gpu.empty() ? cpu : gpu;
  return NewString(env, DeviceOf(*backend));
}

// checkPeers(tasks: string[], timeout: number): string[], for each task "" if it answers within so many milliseconds,
// else what is wrong. All are asked at once.
static napi_value CheckPeers(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  std::vector<std::string> tasks;
  int64_t timeout = 0;
  if (args.count < 2 || !GetStrings(env, args[0], &tasks) ||
      napi_get_value_int64(env, args[1], &timeout) != napi_ok) {
    return Throw(env, "checkPeers: the arguments must be names of tasks and milliseconds.");
  }
  TFE_Context *context = ContextOf(*Backend(env));
  std::vector<std::string> problems(tasks.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < tasks.size(); i++) {
    threads.emplace_back([&, i] {
      Status status;
      TFE_CollectiveOpsCheckPeerHealth(context, tasks[i].c_str(), timeout, status.status);
      if (status.ok()) return;
      problems[i] = status.message();
      if (problems[i].empty()) problems[i] = "it does not answer";
    });
  }
  for (std::thread &thread : threads) thread.join();
  napi_value result;
  napi_create_array_with_length(env, problems.size(), &result);
  for (size_t i = 0; i < problems.size(); i++) {
    napi_set_element(env, result, i, NewString(env, problems[i]));
  }
  return result;
}

// --- Operations that changed since TensorFlow 2.9 ------------------------------------------------------

struct Operation {
  napi_value name, attributes, inputs;
};

static bool IsNamed(napi_env env, napi_value attribute, const char *name) {
  napi_value value;
  std::string text;
  return napi_get_named_property(env, attribute, "name", &value) == napi_ok &&
         GetString(env, value, &text) && text == name;
}

static int32_t TypeOf(napi_env env, napi_value attributes) {
  uint32_t length = 0;
  napi_get_array_length(env, attributes, &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value attribute, value;
    int32_t type = 0;
    napi_get_element(env, attributes, i, &attribute);
    if (!IsNamed(env, attribute, "T")) continue;
    napi_get_named_property(env, attribute, "value", &value);
    napi_get_value_int32(env, value, &type);
    return type;
  }
  return 0;
}

static bool AreScalars(napi_env env, napi_value inputs, uint32_t count) {
  const auto &tensors = TensorsOf(*Backend(env));
  Status status;
  for (uint32_t i = 0; i < count; i++) {
    napi_value id;
    int32_t key = 0;
    napi_get_element(env, inputs, i, &id);
    napi_get_value_int32(env, id, &key);
    const auto found = tensors.find(key);
    if (found == tensors.end()) return false;
    if (TFE_TensorHandleNumDims(found->second, status.status) != 0) return false;
  }
  return true;
}

// Concatenated scalars are a stack of them: Pack has an axis for Tidx and no axis among its inputs.
static void PackScalars(napi_env env, Operation *operation, uint32_t count) {
  napi_value attributes, inputs, axis, element;
  napi_create_array(env, &attributes);
  napi_create_array(env, &inputs);
  uint32_t length = 0, kept = 0;
  napi_get_array_length(env, operation->attributes, &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_get_element(env, operation->attributes, i, &element);
    if (!IsNamed(env, element, "Tidx")) napi_set_element(env, attributes, kept++, element);
  }
  napi_create_object(env, &axis);
  Set(env, axis, "name", NewString(env, "axis"));
  Set(env, axis, "type", NewNumber(env, TF_ATTR_INT));
  Set(env, axis, "value", NewNumber(env, 0));
  napi_set_element(env, attributes, kept, axis);
  for (uint32_t i = 0; i < count; i++) {
    napi_get_element(env, operation->inputs, i, &element);
    napi_set_element(env, inputs, i, element);
  }
  *operation = {NewString(env, "Pack"), attributes, inputs};
}

// Round of int32 gives zeros, and ConcatV2 refuses scalars.
static void Translate(napi_env env, Operation *operation) {
  char name[10];  // longer ones are cut, and then equal neither
  size_t length = 0;
  if (napi_get_value_string_utf8(env, operation->name, name, sizeof name, &length) != napi_ok) return;
  if (strcmp(name, "Round") == 0) {
    if (TypeOf(env, operation->attributes) == TF_INT32) operation->name = NewString(env, "Identity");
  } else if (strcmp(name, "ConcatV2") == 0) {
    uint32_t count = 0;
    napi_get_array_length(env, operation->inputs, &count);
    if (count > 1 && AreScalars(env, operation->inputs, count - 1)) {
      PackScalars(env, operation, count - 1);
    }
  }
}

// translate(name, attributes, inputIds): [name, attributes, inputIds], what executeOp will run for them.
static napi_value TranslatedOperation(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  if (args.count < 3) return Throw(env, "translate: the arguments must be a name, attributes and ids.");
  Operation operation{args[0], args[1], args[2]};
  Translate(env, &operation);
  napi_value result;
  napi_create_array_with_length(env, 3, &result);
  napi_set_element(env, result, 0, operation.name);
  napi_set_element(env, result, 1, operation.attributes);
  napi_set_element(env, result, 2, operation.inputs);
  return result;
}

// executeOp(name, attributes, inputIds, outputs), as tfjs-node's, after translation.
static napi_value ExecuteOp(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  if (args.count < 4) {
    return Throw(env, "Invalid number of args passed to executeOp(). Expecting 4 args.");
  }
  ENSURE_VALUE_IS_STRING_RETVAL(env, args[0], nullptr);
  ENSURE_VALUE_IS_ARRAY_RETVAL(env, args[1], nullptr);
  ENSURE_VALUE_IS_ARRAY_RETVAL(env, args[2], nullptr);
  ENSURE_VALUE_IS_NUMBER_RETVAL(env, args[3], nullptr);
  Operation operation{args[0], args[1], args[2]};
  Translate(env, &operation);
  TFJSBackend *backend = Backend(env);
  napi_value outputs =
      backend->ExecuteOp(env, operation.name, operation.attributes, operation.inputs, args[3]);
  if (outputs == nullptr) Watchdog::Get().EndAll(ContextOf(*backend));
  return outputs;
}

// TensorFlow writes some lines while it is loaded, before it heeds TF_CPP_MIN_LOG_LEVEL. This object is linked
// to be initialised before TensorFlow, so with that variable set it holds the standard error back in a file,
// and lets go on what is no note when it has registered itself.
static std::atomic<FILE *> held_file{nullptr};
static int held_stderr = -1;

__attribute__((constructor)) static void HoldStderr() {
  const char *level = getenv("TF_CPP_MIN_LOG_LEVEL");
  FILE *file = level == nullptr || atoi(level) < 1 ? nullptr : tmpfile();
  if (file == nullptr) return;
  fflush(stderr);
  held_stderr = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  held_file = file;
}

static void ReleaseStderr() {
  FILE *file = held_file.exchange(nullptr);  // several threads may load the addon
  if (file == nullptr) return;
  fflush(stderr);
  dup2(held_stderr, STDERR_FILENO);
  close(held_stderr);
  rewind(file);
  char line[4096];
  while (fgets(line, sizeof line, file) != nullptr) {
    const bool is_note = (line[0] == 'I' && line[1] >= '0' && line[1] <= '9') ||
                         strncmp(line, "WARNING: All log messages before", 32) == 0;
    if (!is_note) fputs(line, stderr);
  }
  fclose(file);
}

// The link command finds this in the file; nothing reads it here, so the compiler is told to keep it.
__attribute__((used)) static const char kLink[] = "tfjs-lrm-link:" TFJS_LRM_LINK;

static void SetFunction(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  Set(env, exports, name, function);
}

static napi_value Init(napi_env env, napi_value) {
  // tfjs-node defines read-only properties: a new object takes them over, and executeOp is replaced.
  napi_value theirs, exports;
  napi_create_object(env, &theirs);
  theirs = tfnodejs::InitTFNodeJSBinding(env, theirs);
  ReleaseStderr();
  if (theirs == nullptr) return nullptr;
  // Without them, steps run TensorFlow's own operations: that is no reason not to load.
  Status status;
  one_pass::RegisterAll(status.status);
  napi_create_object(env, &exports);
  napi_value names;
  napi_get_all_property_names(env, theirs, napi_key_own_only, napi_key_all_properties,
                              napi_key_numbers_to_strings, &names);
  uint32_t length = 0;
  napi_get_array_length(env, names, &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value name, value;
    napi_get_element(env, names, i, &name);
    napi_get_property(env, theirs, name, &value);
    napi_set_property(env, exports, name, value);
  }
  SetFunction(env, exports, "executeOp", ExecuteOp);
  SetFunction(env, exports, "translate", TranslatedOperation);
  SetFunction(env, exports, "addFunction", AddFunction);
  SetFunction(env, exports, "removeFunction", RemoveFunction);
  SetFunction(env, exports, "callFunction", CallFunction);
  SetFunction(env, exports, "definition", Definition);
  SetFunction(env, exports, "devices", Devices);
  SetFunction(env, exports, "startCollectives", StartCollectives);
  SetFunction(env, exports, "checkPeers", CheckPeers);
  return exports;
}

}  // namespace tfjs_lrm

NAPI_MODULE_INIT() { return tfjs_lrm::Init(env, exports); }
