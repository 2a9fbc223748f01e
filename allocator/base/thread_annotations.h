// Names for clang's thread-safety analysis; empty elsewhere.
#pragma once

#if defined(__clang__)
#define SA_ANNOTATE(x) __attribute__((x))
#else
#define SA_ANNOTATE(x)
#endif

#define SA_CAPABILITY SA_ANNOTATE(capability("mutex"))
#define SA_SCOPED_CAPABILITY SA_ANNOTATE(scoped_lockable)
#define SA_GUARDED_BY(x) SA_ANNOTATE(guarded_by(x))
#define SA_REQUIRES(...) SA_ANNOTATE(requires_capability(__VA_ARGS__))
#define SA_ACQUIRE(...) SA_ANNOTATE(acquire_capability(__VA_ARGS__))
#define SA_RELEASE(...) SA_ANNOTATE(release_capability(__VA_ARGS__))
#define SA_NO_THREAD_SAFETY SA_ANNOTATE(no_thread_safety_analysis)
