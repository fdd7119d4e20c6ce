// Files of programs: what was saved runs again with the same bits, and a file that is not whole or not right is an error.
#include "jit/file.h"

#include <filesystem>
#include <fstream>
#include <random>

#include "base/files.h"
#include "kernel_cases.h"
#include "ops/accept.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;
using Bytes = std::vector<std::byte>;

Tensor x() { return from_values({2, 3}, {1, -2, 0.5, 3, 0.25, -1}); }
Tensor y() { return from_values({2, 2}, {1, 0, 0, 1}); }

/// Gradient descent with an index, a view and a product in it.
StoredProgram training_step() {
  Tensor places(Dims{2}, DType::Int64);
  places.mutable_data_as<int64_t>()[0] = 1;
  places.mutable_data_as<int64_t>()[1] = 0;
  const auto step = [&](const std::vector<Tensor>& in, const std::vector<Tensor>& cells) {
    const auto loss = [&](const std::vector<Tensor>& w) {
      const Tensor z = matmul(take(in[0], cells[1], 0), w[0]);
      return bce_with_logits(map("tanh", z) * 2.0, in[1]);
    };
    const auto [value, gradients] = value_and_grad(loss, {cells[0]});
    return Step{{value, swap_axes(cells[0], 0, 1)}, {cells[0] + gradients[0] * -0.5, cells[1]}};
  };
  const Tensor w = from_values({3, 2}, {0.1, 0.2, -0.3, 0.4, 0.5, -0.6});
  const std::array arguments = {x(), y()};
  return record(arguments, {{"w", w, true, true}, {"places", places}}, step);
}

/// A program that runs `body` n times on a carry.
StoredProgram loop(int64_t n) {
  ProgramBuilder body;
  const uint32_t carry = body.input(Dims{2, 3}, DType::Float32);
  const Program::Use uses[] = {{carry, false}, {carry, false}};
  const uint32_t out = body.statement(elementwise_op(formula_index("mul")), uses, {}, false);
  body.set_value(out, Dims{2, 3}, DType::Float32);
  body.output(out);
  const Tensor held = hold_body(body.take());
  const auto step = [&](const std::vector<Tensor>& in, const std::vector<Tensor>&) {
    return Step{{apply(scan_op(1), {&held, &in[0]}, Attrs(ScanAttrs{n, 1, 0, 0}))}, {}};
  };
  return record(std::array{x()}, {}, step);
}

std::string error_of(std::span<const std::byte> bytes) {
  try {
    read_program(bytes, "f");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::Value);
    return e.what();
  }
  return "";
}

/// The bytes with a checksum that fits.
Bytes sealed(Bytes bytes) {
  const uint32_t crc = crc32(std::span(bytes).first(bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &crc, 4);
  return bytes;
}

TEST_CASE("checksums are those of zlib") {
  const std::string_view text = "The quick brown fox jumps over the lazy dog";
  CHECK(crc32(std::as_bytes(std::span(text))) == 0x414FA339u);
  CHECK(crc32({}) == 0);
}

TEST_CASE("a program that was saved trains on with the same bits") {
  const auto path = (std::filesystem::temp_directory_path() / "adcore_file_test.adcore").string();
  StatefulProgram here(training_step());
  here.save(path);
  StatefulProgram there = load_program(path);
  const std::array arguments = {x(), y()};
  for (int i = 0; i < 5; ++i) {
    const auto a = here.run(arguments), b = there.run(arguments);
    REQUIRE(b.size() == 2);
    for (size_t j = 0; j < a.size(); ++j) CHECK(to_vector(a[j]) == to_vector(b[j]));
    CHECK(to_vector(here.state("w")) == to_vector(there.state("w")));
  }
  there.save(path);  // from the middle
  StatefulProgram later = load_program(path);
  CHECK(to_vector(here.run(arguments)[0]) == to_vector(later.run(arguments)[0]));
  CHECK(later.state_names() == std::vector<std::string>{"w", "places"});
  later.set_state("w", zeros({3, 2}, DType::Float32));
  CHECK(later.run(arguments)[0].size() == 1);
  CHECK_THROWS_WITH_AS(later.set_state("w", x()), "set_state: 'w' is (3, 2) Float32, got (2, 3) Float32.", Error);
  CHECK_THROWS_WITH_AS(later.state("v"), "state: the program keeps no 'v'.", Error);
  CHECK_THROWS_WITH_AS(later.run(std::array{x()}), "run: the program takes 2 arguments, got 1.", Error);
  std::filesystem::remove(path);
}

TEST_CASE("a run that fails writes nothing") {
  StatefulProgram step(training_step());
  const auto before = to_vector(step.state("w"));
  Tensor far(Dims{2}, DType::Int64);
  far.mutable_data_as<int64_t>()[0] = far.mutable_data_as<int64_t>()[1] = 7;
  step.set_state("places", far);
  CHECK_THROWS_WITH_AS(step.run(std::array{x(), y()}), doctest::Contains("index 7 is out of range"), Error);
  CHECK(to_vector(step.state("w")) == before);
}

TEST_CASE("loops are saved with their bodies") {
  const StoredProgram s = read_program(bytes_of(loop(3)), "f");
  StatefulProgram program(s);
  const Tensor squares = x() * x(), fourths = squares * squares;
  CHECK(to_vector(program.run(std::array{x()})[0]) == to_vector(fourths * fourths));
}

TEST_CASE("every op has a name of its own, and says which calls from a file it takes") {
  std::vector<std::string_view> names;
  for (const Op* op : all_ops()) {
    CAPTURE(op->name);
    CHECK(op_named(op->name) == op);
    CHECK(op->accepts);
    CHECK((op->places < 0 || op->bound != nullptr));
    names.push_back(op->name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("an op asks how many operands there are before it looks at one") {
  const int64_t words[32] = {};
  for (const Op* op : all_ops()) {
    CAPTURE(op->name);
    std::vector<Tensor> out(op->outputs);
    for (int count = 0; count <= 32; ++count) CHECK(!op->accepts(Call{*op, nullptr, 0, out.data(), {words, count}}));
  }
}

TEST_CASE("places that nobody has looked at are checked in a program from a file") {
  // The index of `take` without the check in front of it.
  ProgramBuilder b;
  const uint32_t table = b.input(Dims{4}, DType::Float32), i = b.input(Dims{2}, DType::Int64);
  const Op* const op = op_named("take");
  REQUIRE(op);
  const Program::Use uses[] = {{table, false}, {i, false}};
  const int64_t words[] = {0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint32_t out = b.statement(*op, uses, {words, 14}, false);
  b.set_value(out, Dims{2}, DType::Float32);
  b.output(out);
  StoredProgram s;
  s.program = b.take();
  s.arguments = 2;
  s.results = 1;
  StatefulProgram program(read_program(bytes_of(s), "f"));
  CHECK(program.program().statements().size() == 2);
  Tensor index(Dims{2}, DType::Int64);
  index.mutable_data_as<int64_t>()[0] = 3;
  index.mutable_data_as<int64_t>()[1] = int64_t{1} << 40;
  const Tensor values = from_values({4}, {1, 2, 3, 4});
  CHECK_THROWS_WITH_AS(program.run(std::array{values, index}), doctest::Contains("take: index"), Error);
  // What is checked already is not checked again.
  const StoredProgram again = read_program(bytes_of(read_program(bytes_of(s), "f")), "f");
  CHECK(again.program.statements().size() == 2);
}

TEST_CASE("damage is found by the checksum, the length or the version") {
  const Bytes good = bytes_of(training_step());
  CHECK(error_of(good).empty());
  for (size_t n = 0; n < good.size(); n += n < 64 ? 1 : 37) CHECK(!error_of(std::span(good).first(n)).empty());
  Bytes longer = good;
  longer.push_back(std::byte{0});
  CHECK(error_of(longer) == "f is no program that this adcore can run: it is cut short, or something was added.");
  Bytes newer = good;
  newer[8] = std::byte{2};
  CHECK(error_of(newer) == "f is no program that this adcore can run: it has version 2, version 1 is read here.");
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    Bytes bad = good;
    bad[random() % bad.size()] ^= std::byte{static_cast<unsigned char>(1 + random() % 255)};
    CHECK(!error_of(bad).empty());
  }
}

/// How much a run of the program takes, roughly.
int64_t cost_of(const Program& p) {
  constexpr int64_t kMost = 1 << 20;
  int64_t cost = 0;
  for (const Program::Value& v : p.values()) cost += std::min(numel(v.shape), kMost);
  for (const Program::Statement& s : p.statements()) {
    if (!is_loop(*s.op)) continue;
    const Attrs attrs = p.attrs_of(s);
    int64_t steps = 1;
    if (s.op->name == std::string_view("while")) return kMost;  // nobody knows
    if (s.op->name == std::string_view("scan")) steps = std::min(attrs.words()[0], kMost);
    for (const Program::Use& use : p.uses_of(s)) {
      const Tensor t = p.constant(use.value);
      if (find_body(t)) cost += (steps + 1) * std::min(cost_of(body_in(t).program()), kMost);
    }
  }
  return cost;
}

/// Files of programs: two that are made here, and those of a folder that the environment names.
std::vector<Bytes> corpus() {
  std::vector<Bytes> files = {bytes_of(training_step()), bytes_of(loop(3))};
  if (const char* const folder = std::getenv("ADCORE_FUZZ_CORPUS"))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files.push_back(read_file("corpus", entry.path().string()));
  return files;
}

/// With a few numbers changed.
Bytes changed(Bytes bytes, std::mt19937_64& random) {
  for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
    const size_t at = 20 + random() % (bytes.size() - 24);
    constexpr unsigned char kValues[] = {0, 1, 2, 3, 4, 127, 128, 255};
    bytes[at] = random() % 2 ? std::byte{kValues[random() % 8]} : std::byte{static_cast<unsigned char>(random())};
  }
  return bytes;
}

TEST_CASE("what a wrong file says is an error, or a program that runs") {
  // The checksum fits again.
  const char* const rounds = std::getenv("ADCORE_FUZZ_ROUNDS");
  const char* const seed = std::getenv("ADCORE_FUZZ_SEED");
  const int count = rounds ? std::atoi(rounds) : 800;
  std::mt19937_64 random(seed ? static_cast<uint64_t>(std::atoi(seed)) : 2);
  const std::vector<Bytes> files = corpus();
  int refused = 0, ran = 0;
  for (int i = 0; i < count; ++i) {
    const Bytes bad = sealed(changed(files[static_cast<size_t>(i) % files.size()], random));
    try {
      StatefulProgram program(read_program(bad, "f"));
      const Program& p = program.program();
      if (cost_of(p) > 1 << 16) continue;
      std::vector<Tensor> arguments;
      for (size_t k = 0; k < program.argument_count(); ++k) {
        const Program::Value& v = p.values()[p.inputs()[k]];
        arguments.push_back(full(v.shape, 1.0, v.dtype));
      }
      program.run(arguments);
      ++ran;
    } catch (const Error&) {
      ++refused;
    } catch (const std::bad_alloc&) {
      ++refused;
    }
  }
  INFO(refused, " refused, ", ran, " ran");
  CHECK(refused > count / 4);
  CHECK(ran > count / 20);  // elements of constants and cells, names, lines
}

TEST_CASE("a file that cannot be written is an error, and the old one stays") {
  const auto folder = std::filesystem::temp_directory_path() / "adcore_file_test";
  std::filesystem::create_directory(folder);
  const std::string path = (folder / "step.adcore").string();
  const StatefulProgram step(training_step());
  step.save(path);
  step.save(path);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  CHECK_THROWS_AS(step.save((folder / "none" / "step.adcore").string()), Error);
  CHECK_THROWS_AS(load_program((folder / "none").string()), Error);
  CHECK_THROWS_AS(load_program(folder.string()), Error);
  load_program(path);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace adcore
