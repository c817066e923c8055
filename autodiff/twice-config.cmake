# What find_package(twice) runs: finds what twice::twice needs, then defines it.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
if(twice_missing)
  set(twice_FOUND FALSE)
  set(twice_NOT_FOUND_MESSAGE "twice needs ${twice_missing}")
else()
  include(${CMAKE_CURRENT_LIST_DIR}/twice-targets.cmake)
endif()
