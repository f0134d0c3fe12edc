# Options and flags shared by every target. Bits are promised for one binary, so contraction and fast-math are off
# everywhere; kernels ask for fused multiply-add by name.
option(HANSA_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(HANSA_BENCH "Build the benchmarks" OFF)
option(HANSA_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(HANSA_PACKAGE "Build for the Debian package: no paths of this machine in the program" OFF)
option(HANSA_WERROR "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})
set(HANSA_ARCH "native" CACHE STRING "-march of everything but the kernels: native or x86-64-v3")
set(HANSA_SANITIZE "" CACHE STRING "Value of -fsanitize=, e.g. address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
if(HANSA_PACKAGE)  # what Debian hardens, and no paths of this machine in assertions
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
  add_link_options(LINKER:-z,relro LINKER:-z,now)
endif()
# Assertions stay on in release: no -DNDEBUG.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1")

find_program(HANSA_CCACHE ccache)
if(HANSA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HANSA_CCACHE})
endif()

add_library(hansa_flags INTERFACE)
target_compile_options(hansa_flags INTERFACE
  -march=${HANSA_ARCH} -ffp-contract=off -fno-math-errno
  -Wall -Wextra -Wno-missing-field-initializers  # designated initialisers leave defaults on purpose
  -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align -Woverloaded-virtual
  # Warnings that g++ 12 gives falsely at -O3: "literal" + std::string (GCC bug 105651), variants and AVX-512
  # intrinsics (105593), fmt's buffers and std::equal over short arrays. clang and the sanitizers watch instead.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-stringop-overread>
  $<$<BOOL:${HANSA_WERROR}>:-Werror>)
target_include_directories(hansa_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
if(HANSA_SANITIZE)
  target_compile_options(hansa_flags INTERFACE -fsanitize=${HANSA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  if(HANSA_SANITIZE MATCHES undefined)  # CAF 0.17's headers dereference a null tuple<>, which is empty
    target_compile_options(hansa_flags INTERFACE -fno-sanitize=null)
  endif()
  target_link_options(hansa_flags INTERFACE -fsanitize=${HANSA_SANITIZE})
endif()
if(HANSA_FUZZ)  # coverage for libFuzzer in every room; only the fuzz programs link its main()
  target_compile_options(hansa_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
