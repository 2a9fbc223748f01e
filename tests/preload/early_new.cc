// A library whose constructor, which runs before that of ours, makes an object.
struct Early {
  Early() : object(new int(1)), array(new int[10]()) {}
  int* object;
  int* array;
};

Early early;
