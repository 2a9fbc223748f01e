// Prints the default list of modules.

#include <stdio.h>

#include "preload/modules.h"

int main() { return puts(secure_alloc::rules::kDefaultModules) < 0; }
