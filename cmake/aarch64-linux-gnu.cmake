# Builds for 64-bit Arm on another machine, with Debian's cross compiler, and runs the tests in QEMU:
# cmake --toolchain cmake/aarch64-linux-gnu.cmake, after apt-get install g++-aarch64-linux-gnu qemu-user-static.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# The C library of the target, where the loader of a running test looks for it.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
# Headers and libraries that CMake finds are the target's; programs, and packages of headers alone, are this machine's.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
