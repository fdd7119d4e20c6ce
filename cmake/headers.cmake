# find_headers(NAME): finds the CMake package of a library that is headers alone. The system's copy is taken where there
# is one, else that of the PyPI package pgm-build-deps beside the first Python of PATH. Nothing is fetched.

macro(find_headers name)
  # scikit-build-core says NAME_ROOT for the copy beside its Python, and CMake would look there before the system.
  find_package(${name} CONFIG QUIET NO_PACKAGE_ROOT_PATH)
  if(NOT ${name}_FOUND)
    find_package(Python COMPONENTS Interpreter QUIET)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c "from importlib.metadata import entry_points as all
for e in all(group='cmake.root', name='${name}'): print(e.load().__path__[0])"
      OUTPUT_VARIABLE headers_root OUTPUT_STRIP_TRAILING_WHITESPACE)
    find_package(${name} CONFIG QUIET PATHS "${headers_root}")
  endif()
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR
      "${name}: not found, neither as a CMake package of the system nor beside ${Python_EXECUTABLE}. "
      "`pip install pgm-build-deps` in the environment whose Python comes first in PATH brings it (`make test` does "
      "that in .venv), or pass -D${name}_DIR= with the folder of its ${name}Config.cmake.")
  endif()
endmacro()
