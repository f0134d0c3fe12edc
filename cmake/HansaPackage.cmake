# The Debian package (./dev package): with HANSA_PACKAGE=ON the program installs what belongs to a system, too, and
# CPack makes hansa_<version>_amd64.deb of it. Dependencies are what dpkg-shlibdeps finds in the program.
include(GNUInstallDirs)
set(doc ${CMAKE_INSTALL_DATADIR}/doc/hansa)
set(deploy ${PROJECT_SOURCE_DIR}/deploy)

install(FILES ${deploy}/hansa.service DESTINATION lib/systemd/system COMPONENT program)
install(FILES ${deploy}/alerts.yml ${deploy}/grafana-dashboard.json DESTINATION ${CMAKE_INSTALL_DATADIR}/hansa/monitoring
  COMPONENT program)
install(FILES ${deploy}/debian/hansa.toml DESTINATION /etc/hansa COMPONENT program)
install(FILES ${deploy}/debian/copyright ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${doc}
  COMPONENT program)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${doc} COMPONENT program
  FILES_MATCHING PATTERN *.md PATTERN adr EXCLUDE PATTERN images EXCLUDE)

# What has to be made first: compressed texts, and the completions that the program itself writes.
file(WRITE ${PROJECT_BINARY_DIR}/changelog.Debian "hansa (${PROJECT_VERSION}-1) bookworm; urgency=medium\n\n"
  "  * See /usr/share/doc/hansa/changelog.gz.\n\n -- The Hansa Authors <hansa@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n")
set(made ${PROJECT_BINARY_DIR}/package)
string(CONCAT make
  "file(REMOVE_RECURSE \"${made}\")\nfile(MAKE_DIRECTORY \"${made}\")\n"
  "function(make output)\n  execute_process(COMMAND \${ARGN} OUTPUT_FILE \"${made}/\${output}\" RESULT_VARIABLE code)\n"
  "  if(NOT code EQUAL 0)\n    message(FATAL_ERROR \"\${output}: \${ARGN} failed\")\n  endif()\nendfunction()\n"
  "make(hansa.1.gz gzip -9nc ${deploy}/hansa.1)\n"
  "make(changelog.gz gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md)\n"
  "make(changelog.Debian.gz gzip -9nc ${PROJECT_BINARY_DIR}/changelog.Debian)\n"
  "make(hansa $<TARGET_FILE:hansa> completion bash)\n"
  "make(_hansa $<TARGET_FILE:hansa> completion zsh)\n"
  "make(hansa.fish $<TARGET_FILE:hansa> completion fish)\n")
install(CODE "${make}" COMPONENT program)
install(FILES ${made}/hansa.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${made}/changelog.gz ${made}/changelog.Debian.gz DESTINATION ${doc} COMPONENT program)
install(FILES ${made}/hansa DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
install(FILES ${made}/_hansa DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT program)
install(FILES ${made}/hansa.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hansa)
set(CPACK_PACKAGE_CONTACT "The Hansa Authors <hansa@example.org>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
  WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME hansa)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, grafana")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "decentralized federated learning between equals")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
"Organisations train a model together without showing each other their data
and without a server: every party runs this program, keeps its data, and
talks only to other parties. Membership is a roster that only a quorum of
the members can change, and models meet as masked sums.
.
The package has the program, which also simulates such networks, a systemd
unit for a node, examples with sample data, alert rules and a dashboard.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deploy}/debian/preinst ${deploy}/debian/postinst ${deploy}/debian/prerm
  ${deploy}/debian/postrm ${deploy}/debian/conffiles)
include(CPack)
