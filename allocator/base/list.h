// A list through its elements, each of which has `T* next` and `T* previous`: nothing is allocated.
#pragma once

namespace secure_alloc {

template <typename T>
class List {
 public:
  // Reads ahead: what it stands on may be removed, what follows may not.
  class Iterator {
   public:
    constexpr explicit Iterator(T* element) : element_(element), next_(NextOf(element)) {}
    T* operator*() const { return element_; }
    Iterator& operator++() { return *this = Iterator(next_); }
    bool operator==(const Iterator& other) const { return element_ == other.element_; }

   private:
    static constexpr T* NextOf(T* element) { return element != nullptr ? element->next : nullptr; }
    T* element_;
    T* next_;
  };

  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(nullptr); }
  T* first() const { return first_; }  // The latest pushed, or nullptr.
  bool empty() const { return first_ == nullptr; }

  void Push(T* element) {
    element->previous = nullptr;
    element->next = first_;
    if (first_ != nullptr) first_->previous = element;
    first_ = element;
  }
  void Remove(T* element) {
    (element->previous != nullptr ? element->previous->next : first_) = element->next;
    if (element->next != nullptr) element->next->previous = element->previous;
  }
  // Whatever its elements are now.
  void Forget() { first_ = nullptr; }

 private:
  T* first_ = nullptr;
};

}  // namespace secure_alloc
