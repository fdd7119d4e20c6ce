# make demo    train on real data: the first thing to run
# make test    the C++ and the Python tests
# make bench   measures beside PyTorch, JAX and CasADi, which it installs into an environment of their own (.venv-bench)
# make opinfo  walks the samples of PyTorch's op table through our functions of the same names, in .venv-bench
# make mindspore-tests MINDSPORE_TESTS=checkout    runs MindSpore's own tests, of a checkout that you have, on adcore
# make array-api-tests ARRAY_API_TESTS=checkout    runs the array API standard's official tests, of a checkout that you have
# make lint    formatters, linter, type checker: reports, changes nothing
# make format  rewrites the sources as the formatters want them
# make docs    the site, with the pages of reference, into build/docs
# make stubs   rewrites the type stubs, python/adcore/**/*.pyi, from what is installed
# make wheels  the wheel of this machine, tried in an environment of its own, into build/wheelhouse
# make clean   removes what the above have made, .venv included
#
# Needs python3 (with venv), a C++20 compiler and make; pip puts all else into .venv. Every step leaves a stamp file, so
# a second run does only what the sources changed since.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
BUILD ?= build/dev
# Warnings as errors: make test WERROR=ON
WERROR ?= OFF
PYTEST_ARGS ?=

BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/stamps
# -m pip: a script's first line holds the absolute path, which may be too long for the system.
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The build tools of the environment come first.
export PATH := $(BIN):$(PATH)

CPP_FILES := $(shell find src/cpp tests/cpp examples/cpp -name '*.cpp' -o -name '*.h')
CPP_TESTS := $(filter tests/cpp/% examples/cpp/%,$(CPP_FILES)) tests/cpp/CMakeLists.txt tests/cpp/symbols.cmake
PACKAGE := $(shell find python/adcore -name '*.py' -o -name '*.pyi' -o -name py.typed) $(filter src/cpp/%,$(CPP_FILES)) \
  CMakeLists.txt $(wildcard cmake/*) README.md

.PHONY: demo test test-cpp test-python bench bench-instructions opinfo mindspore-tests array-api-tests lint format docs stubs wheels clean
.DELETE_ON_ERROR:

demo: $(STAMPS)/demo
	$(BIN)/python examples/demo.py

test: test-cpp test-python

test-cpp: $(STAMPS)/test
	$(BIN)/ctest --test-dir $(BUILD) --output-on-failure --no-tests=error

# After the C++ tests also with -j: they share two cores and a terminal.
test-python: $(STAMPS)/test test-cpp
	$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

bench: $(BENCH_VENV)/installed
	$(abspath $(BENCH_VENV))/bin/python benchmarks/peers.py --markdown --picture build/benchmark.png --json build/benchmark.json

opinfo: $(BENCH_VENV)/installed
	$(abspath $(BENCH_VENV))/bin/python tests/opinfo/walk.py

# Skipped without a checkout, which is not part of this one.
mindspore-tests: $(STAMPS)/test
	$(BIN)/python tests/mindspore/run.py $(MINDSPORE_TESTS) --json build/mindspore-tests.json

# Skipped without a checkout, which is not part of this one.
array-api-tests: $(STAMPS)/test $(if $(ARRAY_API_TESTS),$(STAMPS)/array-api)
	$(BIN)/python tests/array_api/run.py $(ARRAY_API_TESTS)

# Counts instructions, reads no clock. Needs valgrind.
bench-instructions: $(STAMPS)/demo
	$(BIN)/python benchmarks/instructions.py --check

lint: $(STAMPS)/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run -Werror $(CPP_FILES)
	$(BIN)/mypy
	$(BIN)/python tools/check_types.py

format: $(STAMPS)/lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP_FILES)

docs: $(STAMPS)/docs
	$(BIN)/python tools/drawings.py
	$(BIN)/python tools/reference.py docs/reference
	$(BIN)/python tools/gallery.py docs/gallery
	$(BIN)/python -m sphinx -q -W --keep-going -d build/docs.cache -b html docs build/docs

# The wheel of this machine's Python, with the tag of the oldest C library that it runs on, tried in an environment of its own.
wheels: $(STAMPS)/build
	$(BIN)/python tools/requirements.py wheels | xargs $(PIP) install -q
	rm -rf build/wheelhouse build/wheel.venv
	$(PIP) wheel -q --no-deps --no-build-isolation -w build/wheelhouse/plain --config-settings build-dir=$(BUILD) .
	$(BIN)/auditwheel repair -w build/wheelhouse build/wheelhouse/plain/adcore-*.whl
	$(PYTHON) -m venv build/wheel.venv
	build/wheel.venv/bin/python -m pip --disable-pip-version-check install -q build/wheelhouse/adcore-*.whl
	build/wheel.venv/bin/python tools/wheel_check.py

stubs: $(STAMPS)/demo
	$(BIN)/python tools/stubs.py

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist demo_loss.png .pytest_cache .hypothesis .ruff_cache .mypy_cache

# ---- the environment ----------------------------------------------------------------------------------------------

$(STAMPS)/venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "adcore needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No venv module: on Debian, apt-get install python3-venv" >&2; exit 1; }
	mkdir -p $(STAMPS) && touch $@

# The requirements of an extra alone: the package is not built for them.
$(STAMPS)/build $(STAMPS)/lint $(STAMPS)/array-api: $(STAMPS)/%: pyproject.toml tools/requirements.py | $(STAMPS)/venv
	$(BIN)/python tools/requirements.py $* | xargs $(PIP) install -q
	touch $@

# One build directory serves the package and the C++ tests: nothing is compiled twice.
INSTALL = $(PIP) install --no-build-isolation \
  --config-settings build-dir=$(BUILD) --config-settings cmake.define.ADCORE_WERROR=$(WERROR)

$(STAMPS)/demo: $(PACKAGE) $(STAMPS)/build
	$(INSTALL) '.[demo]'
	touch $@

$(STAMPS)/test: $(PACKAGE) $(CPP_TESTS) $(STAMPS)/build
	$(INSTALL) --config-settings cmake.define.ADCORE_TESTS=ON --config-settings cmake.define.ADCORE_EXAMPLES=ON '.[test]'
	touch $@ $(STAMPS)/demo

$(STAMPS)/docs: $(STAMPS)/demo
	$(BIN)/python tools/requirements.py docs | xargs $(PIP) install -q
	touch $@

# The wheel is built where everything else is; only its installation has a place of its own.
$(BENCH_VENV)/installed: $(PACKAGE) $(STAMPS)/build
	test -d $(BENCH_VENV) || $(PYTHON) -m venv $(BENCH_VENV)
	$(PIP) wheel -q --no-deps --no-build-isolation -w build/wheel --config-settings build-dir=$(BUILD) .
	$(BIN)/python tools/requirements.py bench | xargs $(abspath $(BENCH_VENV))/bin/python -m pip --disable-pip-version-check install -q
	$(abspath $(BENCH_VENV))/bin/python -m pip --disable-pip-version-check install -q --force-reinstall --no-deps build/wheel/adcore-*.whl
	touch $@
