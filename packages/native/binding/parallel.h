// Loops over parts of an array on several threads. The C functions of TensorFlow do not lend its threads to kernels.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tfjs_lrm {

class Threads {
 public:
  // Those of this process. They are never destroyed, because they wait until it ends.
  static Threads &Get() {
    static Threads *threads = new Threads;
    return *threads;
  }

  // Calls run(0) … run(parts - 1), each once, here and on the other threads.
  void Run(int64_t parts, const std::function<void(int64_t)> &run) {
    const int64_t helpers = std::min<int64_t>(parts - 1, helpers_);
    if (helpers <= 0) {
      for (int64_t part = 0; part < parts; part++) run(part);
      return;
    }
    const auto job = std::make_shared<Job>(parts, run);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (int64_t i = 0; i < helpers; i++) jobs_.push_back(job);
      for (; started_ < helpers_; started_++) std::thread([this] { Help(); }).detach();
    }
    for (int64_t i = 0; i < helpers; i++) changed_.notify_one();
    job->Work();
    job->Wait();
  }

 private:
  // Parts that are left, and parts that have ended. A thread that comes too late finds none left, and does not touch `run`.
  struct Job {
    Job(int64_t parts, const std::function<void(int64_t)> &run) : parts(parts), run(run) {}
    void Work() {
      for (int64_t part; (part = next++) < parts;) {
        run(part);
        if (++ended < parts) continue;
        std::lock_guard<std::mutex> lock(mutex);
        all_ended.notify_one();
      }
    }
    void Wait() {
      std::unique_lock<std::mutex> lock(mutex);
      all_ended.wait(lock, [this] { return ended == parts; });
    }
    const int64_t parts;
    const std::function<void(int64_t)> &run;
    std::atomic<int64_t> next{0}, ended{0};
    std::mutex mutex;
    std::condition_variable all_ended;
  };

  // As many as TensorFlow has for one operation.
  Threads() {
    const char *wanted = getenv("TF_NUM_INTRAOP_THREADS");
    const int count = wanted == nullptr ? 0 : atoi(wanted);
    helpers_ = (count > 0 ? count : static_cast<int>(std::thread::hardware_concurrency())) - 1;
  }

  void Help() {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return !jobs_.empty(); });
      const std::shared_ptr<Job> job = jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      job->Work();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;
  int64_t helpers_ = 0, started_ = 0;
};

// A part takes this many elements, whatever the number of threads, so that sums do not depend on it.
constexpr int64_t kPart = 1 << 15;

// Calls run(from, to) for parts of [0, count), where each of them has `width` elements: rows, or single numbers.
template <typename Run>
void InParts(int64_t count, int64_t width, const Run &run) {
  const int64_t step = std::max<int64_t>(1, kPart / std::max<int64_t>(1, width));
  const int64_t parts = (count + step - 1) / step;
  if (parts == 1) return run(int64_t{0}, count);
  Threads::Get().Run(parts, [&](int64_t part) { run(part * step, std::min(count, (part + 1) * step)); });
}

// The same for sums over rows in float64: run(from, to, sums) adds to `size` of them, which are then added in order.
template <typename Run>
void SumInParts(int64_t rows, int64_t width, int64_t size, float *out, const Run &run) {
  const int64_t step = std::max<int64_t>(1, kPart / std::max<int64_t>(1, width));
  const int64_t parts = (rows + step - 1) / step;
  std::vector<double> sums(std::max<int64_t>(parts, 1) * size);
  Threads::Get().Run(parts, [&](int64_t part) {
    run(part * step, std::min(rows, (part + 1) * step), sums.data() + part * size);
  });
  for (int64_t part = 1; part < parts; part++) {
    for (int64_t i = 0; i < size; i++) sums[i] += sums[part * size + i];
  }
  std::copy_n(sums.begin(), size, out);
}

}  // namespace tfjs_lrm
