# The parts of a package: an archive contains the libraries that the program needs, and a package of
# Debian names them.
set(CPACK_COMPONENTS_ALL program)
if(NOT CPACK_GENERATOR STREQUAL DEB)
  list(APPEND CPACK_COMPONENTS_ALL needed)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
