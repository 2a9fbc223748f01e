// secalloc_set_fault_handler: once, in the thread that faulted, between the line and the abort.
//
//   handler_test          all facts
//   handler_test MODE     one program
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/death/hidden.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

char context[] = "the context";
pthread_t faulting;

void Say(const char* text) {
  if (write(2, text, strlen(text)) < 0) _exit(3);
}

void FreeTwice() {
  char* const p = Hidden(malloc(100));
  free(p);
  free(Hidden(p));
}

void Overflow() {
  char* const p = Hidden(malloc(100));
  p[100] = 0;
  free(p);
}

void Tell(const char* kind, const void* caller, void* given) {
  Say("handler: ");
  Say(kind);
  Say(caller != nullptr ? ", with a caller" : ", without a caller");
  Say(given == context ? ", the context" : ", ANOTHER CONTEXT");
  Say(pthread_equal(pthread_self(), faulting) ? ", its thread\n" : ", ANOTHER THREAD\n");
}

void TellAndFault(const char* kind, const void* caller, void* given) {
  Tell(kind, caller, given);
  Overflow();
}

void TellSlowly(const char*, const void*, void*) {
  Say("handler: slow\n");
  usleep(300000);
  Say("handler: done\n");
}

void* FaultLater(void*) {
  usleep(100000);
  FreeTwice();
  return nullptr;
}

int RunMode(const char* mode) {
  alarm(20);
  faulting = pthread_self();
  signal(SIGABRT, [](int) { Say("SIGABRT WAS CAUGHT\n"); });
  if (strcmp(mode, "tells") == 0) {
    if (secalloc_set_fault_handler(Tell, context) == 0) FreeTwice();
  } else if (strcmp(mode, "replaced") == 0) {
    secalloc_set_fault_handler(TellSlowly, nullptr);
    if (secalloc_set_fault_handler(Tell, context) == 0) Overflow();
  } else if (strcmp(mode, "removed") == 0) {
    secalloc_set_fault_handler(Tell, context);
    if (secalloc_set_fault_handler(nullptr, nullptr) == 0) FreeTwice();
  } else if (strcmp(mode, "faults") == 0) {
    secalloc_set_fault_handler(TellAndFault, context);
    FreeTwice();
  } else if (strcmp(mode, "two threads") == 0) {
    secalloc_set_fault_handler(TellSlowly, nullptr);
    pthread_t other;
    if (pthread_create(&other, nullptr, FaultLater, nullptr) == 0) FreeTwice();
  }
  return 1;
}

// Of the outcome's standard error, how many lines hold this.
long Lines(const Outcome& outcome, const char* text) {
  long count = 0;
  for (size_t at = 0; (at = outcome.err.find(text, at)) != std::string::npos; ++at) ++count;
  return count;
}

Outcome RunAbort(const char* mode) {
  const Outcome outcome = Run({"/proc/self/exe", mode});
  Fact(std::string(mode) + ": SIGABRT, past the program's own handler",
       outcome.signal == SIGABRT && Lines(outcome, "CAUGHT") == 0);
  if (outcome.signal != SIGABRT) printf("%s\n", outcome.Describe().c_str());
  return outcome;
}

int RunAll() {
  Outcome outcome = RunAbort("tells");
  Fact("the handler learns kind, caller and its context",
       outcome.err.find("handler: double free, with a caller, the context, its thread\n") !=
           std::string::npos);
  Fact("the line is out before it is called",
       outcome.err.rfind("secure_alloc: double free", 0) == 0);
  outcome = RunAbort("replaced");
  Fact("the last handler set is called", Lines(outcome, "handler: overflow") == 1 &&
                                             Lines(outcome, "handler:") == 1);
  outcome = RunAbort("removed");
  Fact("a handler can be removed", Lines(outcome, "handler:") == 0);
  outcome = RunAbort("faults");
  Fact("a handler that faults itself is not called again",
       Lines(outcome, "handler:") == 1 && Lines(outcome, "secure_alloc: overflow") == 1);
  outcome = RunAbort("two threads");
  Fact("a second thread that faults waits until the handler is done",
       Lines(outcome, "handler: slow") == 1 && Lines(outcome, "handler: done") == 1 &&
           Lines(outcome, "secure_alloc: double free") == 2);
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  return count == 2 ? secure_alloc::test::RunMode(arguments[1]) : secure_alloc::test::RunAll();
}
