# The commit a binary was built from, asked of git at every build, so that a run's summary never names a stale one.
#   hansa_version(TARGET)  adds version.cpp (include/hansa/version.hpp) to TARGET.
# Run with -P (as the build does) it writes that source, touching it only if something changed. Without git, as in a
# release archive, the commit comes from cmake/commit.txt, which `git archive` fills in (.gitattributes).
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "")
  if(EXISTS "${SOURCE}/.git")
    set(ENV{GIT_OPTIONAL_LOCKS} 0)  # only look: do not compete with the user's own git commands
    execute_process(COMMAND git -C "${SOURCE}" describe --always --dirty --exclude=* --abbrev=12
      OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed)
      set(commit "")
    endif()
  endif()
  if(commit STREQUAL "")
    file(READ "${SOURCE}/cmake/commit.txt" commit)
    string(STRIP "${commit}" commit)
    if(NOT commit MATCHES "^[0-9a-f]+$")
      set(commit "unknown")
    endif()
  endif()
  configure_file("${SOURCE}/src/core/version.cpp.in" "${OUTPUT}" @ONLY)
  return()
endif()

function(hansa_version target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/version.cpp)
  add_custom_target(hansa_version_source
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION} -DOUTPUT=${output}
      -P ${PROJECT_SOURCE_DIR}/cmake/HansaVersion.cmake
    BYPRODUCTS ${output}
    COMMENT "Asking git for the commit")
  target_sources(${target} PRIVATE ${output})
  add_dependencies(${target} hansa_version_source)
endfunction()
