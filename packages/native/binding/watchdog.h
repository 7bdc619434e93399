// Deadlines for operations that wait for other processes.
//
// TensorFlow has its own, the attribute timeout_seconds of a collective. It completes the operation while the
// algorithm behind it still runs, which then touches memory that has been freed, and the process crashes. Here a
// thread aborts the collectives of the context instead: every one of them ends by itself, with the error.
//
// The operation LrmDeadline passes its input on. Before a collective it sets a deadline for a call, and after it
// ends it. Within a function, too, the time counts from the moment at which the collective may begin, whatever the
// function computes before and after.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "status.h"
#include "tensorflow/c/eager/c_api.h"
#include "tensorflow/c/eager/c_api_experimental.h"
// Without it, kernels.h includes a header for devices of other vendors, which is not among those of the C functions.
#define IS_SLIM_BUILD
#include "tensorflow/c/kernels.h"
#undef IS_SLIM_BUILD
#include "tensorflow/c/ops.h"

namespace tfjs_lrm {

class Watchdog {
 public:
  // The one of this process. It is never destroyed, because its thread outlives everything.
  static Watchdog &Get() {
    static Watchdog *watchdog = new Watchdog;
    return *watchdog;
  }

  // Watches the collectives of a context; false where there are some already.
  bool Watch(TFE_Context *context) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (context_ != nullptr) return false;
    context_ = context;
    if (!has_thread_) std::thread([this] { Run(); }).detach();
    has_thread_ = true;
    return true;
  }

  // The context is about to be deleted.
  void Leave(TFE_Context *context) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (context_ != context) return;
    deadlines_.clear();
    changed_.wait(lock, [this] { return !is_aborting_; });
    context_ = nullptr;
  }

  void Set(const std::string &call, double seconds) {
    // A clock counts nanoseconds in 63 bits.
    const std::chrono::duration<double> time(std::min(seconds, 1e9));
    std::lock_guard<std::mutex> lock(mutex_);
    deadlines_[call] = {Clock::now() + std::chrono::duration_cast<Clock::duration>(time), seconds};
    changed_.notify_all();
  }

  void End(const std::string &call) {
    std::lock_guard<std::mutex> lock(mutex_);
    deadlines_.erase(call);
  }

  // An execution in this context has failed, so nothing that it called waits any longer.
  void EndAll(TFE_Context *context) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (context_ == context) deadlines_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Deadline {
    Clock::time_point time;
    double seconds;
  };

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      const auto first = std::min_element(
          deadlines_.begin(), deadlines_.end(),
          [](const auto &a, const auto &b) { return a.second.time < b.second.time; });
      if (first == deadlines_.end()) {
        changed_.wait(lock);
        continue;
      }
      const Clock::time_point time = first->second.time;
      if (Clock::now() < time) {
        changed_.wait_until(lock, time);
        continue;
      }
      std::ostringstream message;
      message << "the call \"" << first->first << "\" has not ended within " << first->second.seconds
              << " s.";
      deadlines_.clear();
      Abort(lock, message.str());
    }
  }

  // Not under the lock, because operations that end in another thread at the same time ask for it.
  void Abort(std::unique_lock<std::mutex> &lock, const std::string &message) {
    TFE_Context *context = context_;
    is_aborting_ = true;
    lock.unlock();
    Status status;
    TF_SetStatus(status.status, TF_DEADLINE_EXCEEDED, message.c_str());
    TFE_AbortCollectiveOps(context, status.status);
    lock.lock();
    is_aborting_ = false;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Deadline> deadlines_;
  TFE_Context *context_ = nullptr;
  bool is_aborting_ = false;
  bool has_thread_ = false;
};

// LrmDeadline(input: T, call: string, seconds: float): T, which sets the deadline of a call; 0 seconds end it.
struct DeadlineKernel {
  std::string call;
  float seconds = 0;
};

static void *NewDeadlineKernel(TF_OpKernelConstruction *construction) {
  DeadlineKernel *kernel = new DeadlineKernel;
  Status status;
  int32_t count = 0, size = 0;
  TF_OpKernelConstruction_GetAttrFloat(construction, "seconds", &kernel->seconds, status.status);
  if (status.ok()) {
    TF_OpKernelConstruction_GetAttrSize(construction, "call", &count, &size, status.status);
  }
  if (status.ok()) {
    kernel->call.resize(size);
    TF_OpKernelConstruction_GetAttrString(construction, "call", &kernel->call[0], size, status.status);
  }
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.status);
  return kernel;
}

static void ComputeDeadline(void *data, TF_OpKernelContext *context) {
  const DeadlineKernel &kernel = *static_cast<DeadlineKernel *>(data);
  Status status;
  TF_Tensor *tensor = nullptr;
  TF_GetInput(context, 0, &tensor, status.status);
  if (status.ok()) TF_SetOutput(context, 0, tensor, status.status);
  if (tensor != nullptr) TF_DeleteTensor(tensor);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.status);
  if (kernel.seconds > 0) {
    Watchdog::Get().Set(kernel.call, kernel.seconds);
  } else {
    Watchdog::Get().End(kernel.call);
  }
}

static void DeleteDeadlineKernel(void *data) { delete static_cast<DeadlineKernel *>(data); }

static void InferDeadlineShape(TF_ShapeInferenceContext *context, TF_Status *status) {
  TF_ShapeHandle *shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, 0, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, shape, status);
  TF_DeleteShapeHandle(shape);
}

// Makes LrmDeadline known to TensorFlow, once a process.
static void RegisterDeadline(TF_Status *status) {
  static std::once_flag once;
  std::call_once(once, [status] {
    TF_OpDefinitionBuilder *operation = TF_NewOpDefinitionBuilder("LrmDeadline");
    TF_OpDefinitionBuilderAddInput(operation, "input: T");
    TF_OpDefinitionBuilderAddOutput(operation, "output: T");
    TF_OpDefinitionBuilderAddAttr(operation, "T: type");
    TF_OpDefinitionBuilderAddAttr(operation, "call: string");
    TF_OpDefinitionBuilderAddAttr(operation, "seconds: float");
    // So that no optimization of a graph removes it, moves it, or computes it beforehand.
    TF_OpDefinitionBuilderSetIsStateful(operation, true);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(operation, InferDeadlineShape);
    TF_RegisterOpDefinition(operation, status);
    for (const char *device : {"CPU", "GPU"}) {
      if (TF_GetCode(status) != TF_OK) return;
      TF_KernelBuilder *kernel = TF_NewKernelBuilder("LrmDeadline", device, NewDeadlineKernel,
                                                     ComputeDeadline, DeleteDeadlineKernel);
      TF_RegisterKernelBuilder("LrmDeadline", kernel, status);
    }
  });
}

}  // namespace tfjs_lrm
