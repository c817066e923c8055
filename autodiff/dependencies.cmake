# Finds what the library stands on: OpenMP, fmt, xsimd and OpenBLAS. Used by the build and,
# installed beside twice-config.cmake, by find_package(twice).
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)

# Headers only. Not through xsimd's own package: Debian's also asks for a library that it needs
# for complex numbers and that does not exist.
find_path(TWICE_XSIMD_INCLUDE_DIR xsimd/xsimd.hpp)
if(NOT TWICE_XSIMD_INCLUDE_DIR)
  message(FATAL_ERROR "twice needs xsimd: sudo apt-get install libxsimd-dev")
endif()

# Debian keeps several builds of OpenBLAS under one soname and lets an "alternative" choose the one
# that a program loads, by default the pthread build, whose threads fight with OpenMP's (measured: 3
# times slower). So this takes the OpenMP build from its own folder, and every program that links
# it looks there first (by an RPATH, which LD_LIBRARY_PATH does not override).
find_path(TWICE_OPENBLAS_INCLUDE_DIR cblas.h NO_DEFAULT_PATH
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
find_library(TWICE_OPENBLAS_LIBRARY openblas NO_DEFAULT_PATH
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
if(NOT TWICE_OPENBLAS_INCLUDE_DIR OR NOT TWICE_OPENBLAS_LIBRARY)
  message(FATAL_ERROR "twice needs the OpenMP build of OpenBLAS: sudo apt-get install "
    "libopenblas-openmp-dev (elsewhere, set TWICE_OPENBLAS_INCLUDE_DIR and TWICE_OPENBLAS_LIBRARY)")
endif()
mark_as_advanced(TWICE_XSIMD_INCLUDE_DIR TWICE_OPENBLAS_INCLUDE_DIR TWICE_OPENBLAS_LIBRARY)

if(NOT TARGET twice::openblas)
  add_library(twice::xsimd INTERFACE IMPORTED)
  target_include_directories(twice::xsimd INTERFACE ${TWICE_XSIMD_INCLUDE_DIR})
  add_library(twice::openblas UNKNOWN IMPORTED)
  set_target_properties(twice::openblas PROPERTIES IMPORTED_LOCATION ${TWICE_OPENBLAS_LIBRARY})
  target_include_directories(twice::openblas INTERFACE ${TWICE_OPENBLAS_INCLUDE_DIR})
  get_filename_component(twice_folder ${TWICE_OPENBLAS_LIBRARY} DIRECTORY)
  target_link_options(twice::openblas INTERFACE LINKER:--disable-new-dtags,-rpath,${twice_folder})
endif()
