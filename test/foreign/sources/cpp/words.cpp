// Containers, iostreams, lambdas and a virtual call of the C++ standard library.

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : Shape {
  double side;
  explicit Square(double side) : side(side) {}
  double area() const override { return side * side; }
};

int main() {
  std::istringstream text("the leaf and the stem and the root");
  std::map<std::string, int> counts;
  for (std::string word; text >> word;) counts[word]++;
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second > b.second; });
  for (auto &[word, count] : sorted) std::cout << word << '=' << count << ' ';
  std::cout << std::endl;
  std::vector<std::unique_ptr<Shape>> shapes;
  for (double side : {1.0, 2.0, 3.0}) shapes.push_back(std::make_unique<Square>(side));
  double total = 0;
  for (auto &shape : shapes) total += shape->area();
  std::cout << "area " << total << std::endl;
}
