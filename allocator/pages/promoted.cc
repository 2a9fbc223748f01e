#include "allocator/pages/promoted.h"

namespace secure_alloc {

constinit PromotedPages promoted_pages;

}  // namespace secure_alloc
