// Static probes (USDT) for bpftrace, perf, SystemTap and gdb: places of rare events that a tracer
// finds by name and can stop at, in the library as it is shipped.
//
// While nobody traces, one costs an empty function's call. docs/probes.md says the same to users.
// No argument tells a secret or where it lies. Protections are those of pages/source.h.
#pragma once

#include <cstddef>

namespace secure_alloc::probe {

void ArenaCreated(size_t bytes, unsigned protection);
void ArenaReleased(size_t bytes, unsigned protection);
// The arena has less protection than asked for, as the first source said `error`.
void ArenaDegraded(unsigned protection, int error);
// Secrets went to ordinary memory; to none.
void AllocationDegraded(size_t bytes, int error);
void AllocationRefused(size_t bytes, int error);
// error: 0, or what the caller is told.
void Promotion(size_t bytes, int error);
void Demotion(size_t bytes, int error);
void Faulted(const char* kind, const void* caller);

}  // namespace secure_alloc::probe
