// Trains from a file: a program that was recorded once runs without the code that it was recorded from.
//
//   adcore_train_program              records the tutorial's model with its gradients and updates, saves it, loads it,
//                                     and trains on
//   adcore_train_program step.adcore  loads a step that Python saved (jit(step).trace(x, y).save("step.adcore")): it takes
//                                     the tutorial's input x and expected output y and returns the loss
//
// The step keeps the weights itself: every run begins with what the last one left.
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "jit/file.h"
#include "sweeps/grad.h"

namespace {

using adcore::Tensor;

/// z = x w + b, binary cross-entropy with logits, one step of gradient descent.
constexpr auto step = [](const std::vector<Tensor>& arguments, const std::vector<Tensor>& parameters) {
  const auto loss = [&](const std::vector<Tensor>& p) {
    return adcore::bce_with_logits(adcore::matmul(arguments[0], p[0]) + p[1], arguments[1]);
  };
  const auto [value, gradients] = adcore::value_and_grad(loss, parameters);
  adcore::Step made{{value}, {}};
  for (size_t i = 0; i < parameters.size(); ++i) made.cells.push_back(parameters[i] + gradients[i] * -0.5);
  return made;
};

}  // namespace

int main(int count, char** words) try {
  const std::array arguments = {adcore::full({5}, 1.0, adcore::DType::Float32),
                                adcore::zeros({3}, adcore::DType::Float32)};
  std::string path = count > 1 ? words[1] : "";
  if (path.empty()) {
    const Tensor w =
        adcore::from_values({5, 3}, {0.3, -1.2, 0.5, 0.9, -0.1, 1.4, -0.7, 0.2, 0.6, 1.1, -0.4, -0.3, 0.8, 0.1, -0.9});
    const Tensor b = adcore::from_values({3}, {0.1, 0.0, -0.2});
    path = (std::filesystem::temp_directory_path() / "adcore_tutorial_step.adcore").string();
    adcore::StatefulProgram(adcore::record(arguments, {{"w", w}, {"b", b}}, step)).save(path);
  }

  adcore::StatefulProgram program = adcore::load_program(path);
  double loss = INFINITY;
  for (int i = 0; i <= 100; ++i) {
    loss = adcore::item(program.run(arguments)[0]);
    if (i % 20 == 0) std::printf("step %3d  loss %.9g\n", i, loss);
  }
  for (const std::string& name : program.state_names())
    std::printf("%s %s\n", name.c_str(), adcore::to_string(program.state(name).shape()).c_str());
  return loss < 0.02 ? 0 : 1;
} catch (const adcore::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
