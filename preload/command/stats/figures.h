// The figures of a record, in the forms that people and programs read.
#pragma once

#include <string>

#include "allocator/record/record.h"

namespace secure_alloc {

std::string FiguresAsText(const Record& record);
// One object: process-wide figures, and "domains", an array.
std::string FiguresAsJson(const Record& record);
// Prometheus' text format, version 0.0.4, with labels pid, domain and memory.
std::string FiguresAsPrometheus(const Record& record);

}  // namespace secure_alloc
