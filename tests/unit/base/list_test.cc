#include "allocator/base/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace secure_alloc {
namespace {

struct Element {
  int number;
  Element* next;
  Element* previous;
};

std::vector<int> NumbersIn(const List<Element>& list) {
  std::vector<int> numbers;
  for (const Element* const element : list) numbers.push_back(element->number);
  return numbers;
}

TEST(List, GoesFromTheLatestToTheOldest) {
  List<Element> list;
  EXPECT_TRUE(list.empty());
  Element elements[3] = {{0, nullptr, nullptr}, {1, nullptr, nullptr}, {2, nullptr, nullptr}};
  for (Element& element : elements) list.Push(&element);
  EXPECT_EQ(list.first(), &elements[2]);
  EXPECT_EQ(NumbersIn(list), (std::vector{2, 1, 0}));
  list.Forget();
  EXPECT_TRUE(list.empty());
}

TEST(List, KeepsTheOrderOfTheOthersWhicheverIsRemoved) {
  constexpr int kCount = 20;
  std::mt19937 random(7);
  Element elements[kCount];
  List<Element> list;
  std::vector<int> model;
  for (int step = 0; step < 10000; ++step) {
    const int number = static_cast<int>(random() % kCount);
    const auto in_model = std::find(model.begin(), model.end(), number);
    if (in_model != model.end()) {
      list.Remove(&elements[number]);
      model.erase(in_model);
    } else {
      elements[number].number = number;
      list.Push(&elements[number]);
      model.insert(model.begin(), number);
    }
    ASSERT_EQ(NumbersIn(list), model);
    ASSERT_EQ(list.empty(), model.empty());
  }
}

TEST(List, MayLoseWhatAWalkStandsOn) {
  Element elements[5] = {};
  List<Element> list;
  for (Element& element : elements) {
    element.number = static_cast<int>(&element - elements);
    list.Push(&element);
  }
  for (Element* const element : list) {
    if (element->number % 2 == 0) list.Remove(element);
  }
  EXPECT_EQ(NumbersIn(list), (std::vector{3, 1}));
}

}  // namespace
}  // namespace secure_alloc
