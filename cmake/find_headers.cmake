# find_headers(NAME PYPI_NAME [VERSION]): finds the CMake package of a library that is headers alone. The system's copy
# is taken where there is one, else what pip has put beside the first Python of PATH: in site-packages itself, or where a
# package registers as a root, as pgm-build-deps does for several libraries. Nothing is fetched.

macro(find_headers name pypi_name)
  # scikit-build-core says NAME_ROOT for the copy beside its Python, and CMake would look there before the system.
  find_package(${name} ${ARGN} CONFIG QUIET NO_PACKAGE_ROOT_PATH)
  if(NOT ${name}_FOUND)
    find_package(Python COMPONENTS Interpreter QUIET)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c "import importlib.metadata, sysconfig
registered = importlib.metadata.entry_points(group='cmake.root', name='${name}')
print(*(e.load().__path__[0] for e in registered), sysconfig.get_path('purelib'), sep=';')"
      OUTPUT_VARIABLE headers_roots OUTPUT_STRIP_TRAILING_WHITESPACE)
    find_package(${name} ${ARGN} CONFIG QUIET PATHS ${headers_roots})
  endif()
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR
      "${name} ${ARGN}: not found, neither as a CMake package of the system nor beside ${Python_EXECUTABLE}. "
      "`pip install ${pypi_name}` in the environment whose Python comes first in PATH brings it (`make test` does "
      "that in .venv), or pass -D${name}_DIR= with the folder of its ${name}Config.cmake.")
  endif()
endmacro()
