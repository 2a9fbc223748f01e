// Tracers that the kernel runs in the process's own context, where its memory is mapped.
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

constexpr size_t kNeedle = 64;

void Burn() {
  const clock_t end = clock() + CLOCKS_PER_SEC / 20;
  while (clock() < end) {
  }
}

// Looks at this process every 200 us of its time.
perf_event_attr EachMoment() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = 200000;
  attributes.exclude_kernel = attributes.exclude_hv = 1;
  return attributes;
}

int OpenPerf(perf_event_attr attributes) {
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// The lower half of the area is the stack; the upper keeps its bytes, above the stack pointer.
void BurnOnStackIn(const Area& area) {
  static ucontext_t here, there;
  getcontext(&there);
  there.uc_stack.ss_sp = area.data;
  there.uc_stack.ss_size = area.size / 2;
  there.uc_link = &here;
  makecontext(&there, Burn, 0);
  swapcontext(&here, &there);
}

std::string TryPerfStack(const Area& area, int) {
  perf_event_attr attributes = EachMoment();
  attributes.sample_type = PERF_SAMPLE_STACK_USER;
  attributes.sample_stack_user = 32768;
  const int event = OpenPerf(attributes);
  if (event < 0) return NotTried("perf_event_open: " + ErrorName());
  constexpr size_t kRing = 64 * kPage;
  void* ring = mmap(nullptr, kPage + kRing, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
  if (ring == MAP_FAILED) return NotTried("perf's buffer: " + ErrorName());
  BurnOnStackIn(area);
  ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
  if (static_cast<const perf_event_mmap_page*>(ring)->data_head == 0) {
    return NotTried("no sample came");
  }
  const char* above = area.data + area.size / 2 + kPage;
  const void* found = memmem(static_cast<char*>(ring) + kPage, kRing, above, kNeedle);
  return found != nullptr ? "works" : "absent";
}

long Bpf(int command, bpf_attr* attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

// A map of one value, for what the program reads.
int MakeMap() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = sizeof(int);
  attributes.value_size = kNeedle;
  attributes.max_entries = 1;
  return static_cast<int>(Bpf(BPF_MAP_CREATE, &attributes));
}

// bpf_probe_read_user(map[0], kNeedle, from).
int LoadReader(int map, const char* from) {
  const uint64_t address = reinterpret_cast<uintptr_t>(from);
  const auto low = static_cast<int>(address), high = static_cast<int>(address >> 32);
  constexpr unsigned char kImmediate = BPF_LD | BPF_DW | BPF_IMM;
  constexpr unsigned char kMove = BPF_ALU64 | BPF_MOV, kCall = BPF_JMP | BPF_CALL;
  const bpf_insn program[] = {
      {BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0},  // key 0, on its stack
      {kImmediate, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map},
      {0, 0, 0, 0, 0},
      {kMove | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4},
      {kCall, 0, 0, 0, BPF_FUNC_map_lookup_elem},
      {BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 5, 0},
      {kMove | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0},
      {kMove | BPF_K, BPF_REG_2, 0, 0, kNeedle},
      {kImmediate, BPF_REG_3, 0, 0, low},
      {0, 0, 0, 0, high},
      {kCall, 0, 0, 0, BPF_FUNC_probe_read_user},
      {kMove | BPF_K, BPF_REG_0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_PERF_EVENT;
  attributes.insns = reinterpret_cast<uintptr_t>(program);
  attributes.insn_cnt = sizeof program / sizeof *program;
  attributes.license = reinterpret_cast<uintptr_t>("GPL");  // bpf_probe_read_user asks for it
  return static_cast<int>(Bpf(BPF_PROG_LOAD, &attributes));
}

std::string TryBpf(const Area& area, int) {
  const int map = MakeMap();
  const int program = map < 0 ? -1 : LoadReader(map, area.data);
  if (program < 0) return NotTried("bpf: " + ErrorName());
  const int event = OpenPerf(EachMoment());
  if (event < 0) return NotTried("perf_event_open: " + ErrorName());
  if (ioctl(event, PERF_EVENT_IOC_SET_BPF, program) != 0) {
    return NotTried("PERF_EVENT_IOC_SET_BPF: " + ErrorName());
  }
  Burn();
  const int key = 0;
  char value[kNeedle] = {};
  bpf_attr attributes{};
  attributes.map_fd = static_cast<unsigned>(map);
  attributes.key = reinterpret_cast<uintptr_t>(&key);
  attributes.value = reinterpret_cast<uintptr_t>(value);
  if (Bpf(BPF_MAP_LOOKUP_ELEM, &attributes) != 0) return ErrorName();
  return memcmp(value, area.data, kNeedle) == 0 ? "works" : "absent";
}

constexpr Operation kOperations[] = {
    {"perf, samples of a stack in it", TryPerfStack},
    {"eBPF, bpf_probe_read_user", TryBpf},
};

}  // namespace

std::span<const Operation> TracerOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
