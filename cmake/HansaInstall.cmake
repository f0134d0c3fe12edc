# Installation: the program with its data and examples, and for C++ users the public headers with the library
# behind them, as the CMake package `hansa` (target hansa::core). tests/consumer uses the result.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS hansa RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
foreach(folder data examples)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/hansa/${folder}
    COMPONENT program PATTERN exported EXCLUDE PATTERN export.sh EXCLUDE PATTERN make_schemas.py EXCLUDE)
endforeach()

set_target_properties(hansa_core PROPERTIES EXPORT_NAME core)
target_include_directories(hansa_core PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(hansa_core PUBLIC cxx_std_20)
install(TARGETS hansa_core EXPORT hansaTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/hansa DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development FILES_MATCHING PATTERN *.hpp)

set(HANSA_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/hansa)
install(EXPORT hansaTargets NAMESPACE hansa:: DESTINATION ${HANSA_PACKAGE_FOLDER} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/hansaConfig.cmake.in
  ${PROJECT_BINARY_DIR}/hansaConfig.cmake INSTALL_DESTINATION ${HANSA_PACKAGE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hansaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hansaConfig.cmake ${PROJECT_BINARY_DIR}/hansaConfigVersion.cmake
  DESTINATION ${HANSA_PACKAGE_FOLDER} COMPONENT development)
