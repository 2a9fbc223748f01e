// Symbolic computation: builds expressions, differentiates them again and again, and simplifies.
// Nodes are small, many, shared by reference counts, and die in cascades.
#include <memory>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

struct Node;
using Expression = std::shared_ptr<const Node>;

enum class Kind : uint8_t { kNumber, kVariable, kSum, kProduct, kSine, kCosine };

struct Node {
  Kind kind;
  int64_t number;
  Expression left, right;
};

uint64_t made = 0;

Expression Make(Kind kind, int64_t number, Expression left = {}, Expression right = {}) {
  ++made;
  return std::make_shared<const Node>(Node{kind, number, std::move(left), std::move(right)});
}

Expression Number(int64_t number) { return Make(Kind::kNumber, number); }

bool Is(const Expression& node, int64_t number) {
  return node->kind == Kind::kNumber && node->number == number;
}

// Wraps around: these are numbers to compute with, not to mean something.
int64_t Fold(Kind kind, int64_t a, int64_t b) {
  const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  return static_cast<int64_t>(kind == Kind::kSum ? x + y : x * y);
}

Expression Combine(Kind kind, Expression left, Expression right) {
  if (left->kind == Kind::kNumber && right->kind == Kind::kNumber) {
    return Number(Fold(kind, left->number, right->number));
  }
  const int64_t neutral = kind == Kind::kSum ? 0 : 1;
  if (Is(left, neutral)) return right;
  if (Is(right, neutral)) return left;
  if (kind == Kind::kProduct && (Is(left, 0) || Is(right, 0))) return Number(0);
  return Make(kind, 0, std::move(left), std::move(right));
}

Expression Differentiate(const Expression& e) {
  switch (e->kind) {
    case Kind::kNumber:
      return Number(0);
    case Kind::kVariable:
      return Number(1);
    case Kind::kSum:
      return Combine(Kind::kSum, Differentiate(e->left), Differentiate(e->right));
    case Kind::kProduct:
      return Combine(Kind::kSum, Combine(Kind::kProduct, Differentiate(e->left), e->right),
                     Combine(Kind::kProduct, e->left, Differentiate(e->right)));
    case Kind::kSine:
      return Combine(Kind::kProduct, Make(Kind::kCosine, 0, e->left), Differentiate(e->left));
    case Kind::kCosine:
      return Combine(
          Kind::kProduct, Number(-1),
          Combine(Kind::kProduct, Make(Kind::kSine, 0, e->left), Differentiate(e->left)));
  }
  return {};
}

// A copy without anything shared, as a parser would have built it.
Expression Copy(const Expression& e) {
  if (e == nullptr) return {};
  return Make(e->kind, e->number, Copy(e->left), Copy(e->right));
}

Expression Grow(Random& random, size_t depth) {
  if (depth == 0) {
    return random.Below(2) == 0 ? Make(Kind::kVariable, 0)
                                : Number(static_cast<int64_t>(random.Between(2, 9)));
  }
  const Kind kind = static_cast<Kind>(random.Between(2, 5));
  Expression left = Grow(random, depth - 1);
  if (kind == Kind::kSine || kind == Kind::kCosine) return Make(kind, 0, std::move(left));
  return Combine(kind, std::move(left), Grow(random, depth - 1));
}

uint64_t Evaluate(const Expression& e) {
  if (e == nullptr) return 7;
  const uint64_t left = Evaluate(e->left), right = Evaluate(e->right);
  return (left * 31 + right) * 31 + static_cast<uint64_t>(e->kind) +
         static_cast<uint64_t>(e->number);
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"EXPRESSIONS", "DEPTH", "DERIVATIVES"});
  Random random(1);
  Work work;
  for (size_t i = 0; i < p[0]; ++i) {
    Expression expression = Grow(random, p[1]);
    for (size_t j = 0; j < p[2]; ++j) expression = Copy(Differentiate(expression));
    work.sum += Evaluate(expression);
  }
  work.objects = made;
  return Report(work);
}
