# Builds the fuzzers of secure sums with clang in WORK and runs each from its corpus: 30 s, or 600 s with HANSA_LONG=1.
# What they find stays in WORK/corpus and is tried first the next time.
find_program(clang clang++)
if(NOT clang)
  message("clang++ is not installed (Debian: clang libclang-rt-dev)")
  return()
endif()
set(targets secure_sum secure_cohort)
set(seconds 30)
if("$ENV{HANSA_LONG}" STREQUAL "1")
  set(seconds 600)
endif()

execute_process(COMMAND ${CMAKE_COMMAND} --preset fuzz -B ${WORK} WORKING_DIRECTORY ${SOURCE}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "configuring the fuzzers failed:\n${output}")
endif()
list(TRANSFORM targets APPEND _fuzz OUTPUT_VARIABLE programs)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK} --parallel 2 --target ${programs}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "building the fuzzers failed:\n${output}")
endif()

foreach(target ${targets})
  file(MAKE_DIRECTORY ${WORK}/corpus/${target})
  execute_process(
    COMMAND ${WORK}/fuzz/${target}_fuzz -max_total_time=${seconds} -timeout=20 -rss_limit_mb=2048 -max_len=2048 -seed=1
      -print_final_stats=1 -artifact_prefix=${WORK}/ ${WORK}/corpus/${target} ${SOURCE}/fuzz/corpus/${target}
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX MATCH "stat::number_of_executed_units: *[0-9]+" executed "${output}")
  message("${target}, ${seconds} s: ${executed}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${target}_fuzz found something; the input is in ${WORK}/\n${output}")
  endif()
endforeach()
