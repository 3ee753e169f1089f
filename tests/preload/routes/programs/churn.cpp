// Hours of a server's heap, compressed: phases of other sizes and other orders of release, blocks released by
// other threads, a few that outlive their phase, peaks and then nothing. What it takes at most after a
// warm-up may grow by a fifth, whatever the phases that follow. CHURN_SECONDS (default 4) in the environment.
#include <algorithm>
#include <cstdint>
#include <ctime>

#include "../../check.h"

namespace {

constexpr unsigned kThreads = 3;
constexpr unsigned kMost = 60000;        // blocks of a thread
constexpr std::size_t kPeak = 8u << 20;  // bytes of a thread, at the end of a phase's growth
constexpr unsigned kSurvivorsIn = 200;   // one of so many blocks lives through the next phase too
constexpr double kMayGrow = 1.2;

struct Mix {
  std::size_t least, most;
};
constexpr Mix kMixes[] = {{8, 64}, {16, 400}, {100, 2000}, {1, 9000}, {3000, 40000}, {20000, 300000}};
constexpr unsigned kMixCount = sizeof kMixes / sizeof *kMixes;
enum Order { kFifo, kLifo, kRandom, kOrders };
constexpr unsigned kWarmUp = kMixCount * kOrders;  // phases: each mix in each order

struct Thread {
  unsigned char* blocks[kMost];
  unsigned count;
  unsigned char* survivors[2][kMost / kSurvivorsIn];  // of the last phase, of this one
  unsigned survivor_count[2];
  std::uint64_t random;
  unsigned index;
};

Thread threads[kThreads];
pthread_barrier_t barrier;
unsigned phases = 0;
bool ended = false;
timespec started;
long warm_peak_kib = 0;
long later_peak_kib = 0;
double seconds = 4;

std::size_t below(Thread& t, std::size_t limit) {
  t.random = t.random * 6364136223846793005 + 1442695040888963407;
  return (t.random >> 33) % limit;
}

long resident_kib() {
  static char text[256];
  FILE* file = fopen("/proc/self/statm", "r");
  long pages = 0;
  if (file == nullptr || fgets(text, sizeof text, file) == nullptr || sscanf(text, "%*d %ld", &pages) != 1)
    abort();
  fclose(file);
  return pages * 4;
}

double elapsed() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec - started.tv_sec) +
         static_cast<double>(now.tv_nsec - started.tv_nsec) / 1e9;
}

void drop(unsigned char* block) {
  if (*block != static_cast<unsigned char>(reinterpret_cast<std::uintptr_t>(block) >> 4)) {
    fprintf(stderr, "block %p was overwritten\n", static_cast<void*>(block));
    abort();
  }
  free(block);
}

void grow(Thread& t, const Mix& mix) {
  for (std::size_t bytes = 0; bytes < kPeak && t.count < kMost;) {
    const std::size_t size = mix.least + below(t, mix.most - mix.least);
    auto* block = static_cast<unsigned char*>(malloc(size));
    if (block == nullptr) abort();
    memset(block, static_cast<int>(reinterpret_cast<std::uintptr_t>(block) >> 4), size);
    t.blocks[t.count++] = block;
    bytes += size;
    if (below(t, 4) == 0 && t.count > 10) {  // some go while it grows
      const std::size_t at = below(t, t.count);
      drop(t.blocks[at]);
      t.blocks[at] = t.blocks[--t.count];
    }
  }
}

void keep_survivors(Thread& t) {
  std::copy_n(t.survivors[1], t.survivor_count[1], t.survivors[0]);
  t.survivor_count[0] = t.survivor_count[1];
  t.survivor_count[1] = 0;
  for (unsigned i = kSurvivorsIn; i < t.count && t.survivor_count[1] < kMost / kSurvivorsIn;
       i += kSurvivorsIn) {
    t.survivors[1][t.survivor_count[1]++] = t.blocks[i];
    t.blocks[i] = t.blocks[--t.count];
  }
}

// Releases the blocks of `of`, which is another thread's in two phases of three.
void shrink(Thread& self, Thread& of, unsigned order) {
  for (unsigned i = 0; i < of.count; ++i) {
    if (order == kRandom) {
      const std::size_t at = i + below(self, of.count - i);
      std::swap(of.blocks[i], of.blocks[at]);
    }
    drop(of.blocks[order == kLifo ? of.count - 1 - i : i]);
  }
  of.count = 0;
  for (unsigned i = 0; i < of.survivor_count[0]; ++i) drop(of.survivors[0][i]);
  of.survivor_count[0] = 0;
}

void look_at_peak() {
  const long now = resident_kib();
  long& peak = phases < kWarmUp ? warm_peak_kib : later_peak_kib;
  peak = std::max(peak, now);
  ended = phases >= 2 * kWarmUp && elapsed() > seconds;
}

void* work(void* thread) {
  auto& self = *static_cast<Thread*>(thread);
  if (self.index == 1) pthread_setname_np(pthread_self(), "worker");
  while (!ended) {
    const unsigned phase = phases;
    grow(self, kMixes[phase % kMixCount]);
    pthread_barrier_wait(&barrier);
    if (self.index == 0) look_at_peak();
    keep_survivors(self);
    pthread_barrier_wait(&barrier);
    shrink(self, threads[(self.index + phase) % kThreads], phase / kMixCount % kOrders);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++phases;
    pthread_barrier_wait(&barrier);
  }
  return nullptr;
}

}  // namespace

int main() {
  if (const char* wanted = getenv("CHURN_SECONDS"); wanted != nullptr) seconds = atof(wanted);
  clock_gettime(CLOCK_MONOTONIC, &started);
  pthread_barrier_init(&barrier, nullptr, kThreads);
  pthread_t running[kThreads];
  for (unsigned i = 0; i < kThreads; ++i) {
    threads[i].index = i;
    threads[i].random = i * 7919 + 1;
    if (pthread_create(&running[i], nullptr, work, &threads[i]) != 0) return 3;
  }
  for (pthread_t thread : running) pthread_join(thread, nullptr);
  for (Thread& t : threads) {
    for (auto* block : t.survivors[1]) {
      if (t.survivor_count[1] == 0) break;
      --t.survivor_count[1];
      drop(block);
    }
  }
  printf("%u phases; at most %ld KiB in the first %u, %ld KiB in the others\n", phases, warm_peak_kib,
         kWarmUp, later_peak_kib);
  const bool bounded = static_cast<double>(later_peak_kib) <= kMayGrow * static_cast<double>(warm_peak_kib);
  CHECK(bounded);
  return check_result();
}
