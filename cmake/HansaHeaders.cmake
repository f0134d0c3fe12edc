# Every header must compile alone, whatever was included before it. The target hansa_headers has one generated source
# per header; it is not part of `all`: the test `headers` builds it, so that a failure is a failed test with a name.
function(hansa_check_headers)
  cmake_parse_arguments(ARG "" "" "FOLDERS;LIBS" ${ARGN})
  list(TRANSFORM ARG_FOLDERS PREPEND ${PROJECT_SOURCE_DIR}/)
  list(TRANSFORM ARG_FOLDERS APPEND /*.hpp)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${ARG_FOLDERS})
  set(sources)
  foreach(header ${headers})
    string(REPLACE / __ name ${header})
    set(source ${PROJECT_BINARY_DIR}/headers/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  add_library(hansa_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(hansa_headers PRIVATE hansa_flags ${ARG_LIBS})
  # The kernels' headers hold private functions that only their own source calls.
  target_compile_options(hansa_headers PRIVATE -Wno-unused-function)
  # Only the front end matters here: nothing is optimised or linked.
  add_test(NAME headers COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target hansa_headers)
  set_tests_properties(headers PROPERTIES TIMEOUT 600 PROCESSORS 2)
endfunction()
