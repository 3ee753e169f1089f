// new and delete of mixed objects: a scene whose shapes come and go, and many that live for a moment only.
// Usage: objects THOUSANDS
#include <memory>
#include <string>
#include <vector>

#include "pick.hpp"

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};

template <int kDoubles>
struct Box : Shape {
  explicit Box(double side) {
    for (double& value : sides) value = side;
  }
  double area() const override { return sides[0] * sides[kDoubles - 1]; }
  double sides[kDoubles];
};

struct Label : Shape {
  explicit Label(std::size_t length) : text(std::make_unique<char[]>(length)), size(length) {}
  double area() const override { return static_cast<double>(size) + text[0]; }
  std::unique_ptr<char[]> text;
  std::size_t size;
};

struct Group : Shape {
  Group(std::unique_ptr<Shape> first, std::unique_ptr<Shape> second)
      : left(std::move(first)), right(std::move(second)) {}
  double area() const override { return left->area() + right->area(); }
  std::unique_ptr<Shape> left, right;
};

std::unique_ptr<Shape> shape(Pick& pick) {
  switch (pick.below(7)) {
    case 0:
      return std::make_unique<Box<1>>(1);
    case 1:
      return std::make_unique<Box<3>>(2);
    case 2:
      return std::make_unique<Box<6>>(3);
    case 3:
      return std::make_unique<Box<13>>(4);
    case 4:
      return std::make_unique<Box<40>>(5);
    case 5:
      return std::make_unique<Label>(1 + pick.below(200));
    default:
      return std::make_unique<Group>(shape(pick), std::make_unique<Box<2>>(6));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Pick pick(2);
  std::vector<std::unique_ptr<Shape>> scene(30000);
  double sum = 0;
  for (long i = argument(argc, argv, 1) * 1000; i > 0; --i) {
    const std::unique_ptr<Shape> passing = shape(pick);
    sum += passing->area();
    if (i % 2 == 0) scene[pick.below(scene.size())] = shape(pick);
  }
  std::printf("%g\n", sum);
}
