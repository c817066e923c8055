# What find_package(twice) runs: finds what twice::twice needs, then defines it.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/twice-targets.cmake)
