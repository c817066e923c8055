# Finds the libraries that twice is built on: OpenMP, fmt, xsimd and OpenBLAS. Used by the build and,
# installed beside twice-config.cmake, by find_package(twice). Missing libraries are listed
# in `twice_missing`, by their names in .ci/packages. The including file reports them.
set(twice_missing)
find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  list(APPEND twice_missing OpenMP)
endif()
find_package(fmt QUIET)
if(NOT fmt_FOUND)
  list(APPEND twice_missing fmt)
endif()

# Only the headers are needed. The CMake package of xsimd in Debian cannot be used, because it
# requires a library for complex numbers that Debian does not have.
find_path(TWICE_XSIMD_INCLUDE_DIR xsimd/xsimd.hpp)
if(NOT TWICE_XSIMD_INCLUDE_DIR)
  list(APPEND twice_missing xsimd)
endif()

# The OpenMP build of OpenBLAS: the threads of the pthread build compete with OpenMP's (measured: 3
# times slower; check_blas refuses it). Debian keeps several builds under one soname and lets an
# "alternative" choose the one that a program loads, so this looks into the folder of Debian's OpenMP
# build first. Fedora calls its OpenMP build libopenblaso.
find_library(TWICE_OPENBLAS_LIBRARY openblas NO_DEFAULT_PATH
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
find_path(TWICE_OPENBLAS_INCLUDE_DIR cblas.h NO_DEFAULT_PATH
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
find_library(TWICE_OPENBLAS_LIBRARY NAMES openblaso openblas NAMES_PER_DIR)
find_path(TWICE_OPENBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas)
if(TWICE_OPENBLAS_LIBRARY AND TWICE_OPENBLAS_INCLUDE_DIR AND NOT CMAKE_CROSSCOMPILING)
  include(CheckCXXSourceRuns)
  set(CMAKE_REQUIRED_INCLUDES ${TWICE_OPENBLAS_INCLUDE_DIR})
  set(CMAKE_REQUIRED_LIBRARIES ${TWICE_OPENBLAS_LIBRARY})
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_runs("#include <cblas.h>
    int main() { return openblas_get_parallel() == OPENBLAS_OPENMP ? 0 : 1; }"
    TWICE_OPENBLAS_USES_OPENMP)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
  if(NOT TWICE_OPENBLAS_USES_OPENMP)
    message(STATUS "${TWICE_OPENBLAS_LIBRARY} is not the OpenMP build of OpenBLAS; one in an "
      "unusual place can be named by TWICE_OPENBLAS_LIBRARY and TWICE_OPENBLAS_INCLUDE_DIR")
    # Clears the paths, so that the next run of CMake searches again.
    unset(TWICE_OPENBLAS_LIBRARY CACHE)
    unset(TWICE_OPENBLAS_INCLUDE_DIR CACHE)
    unset(TWICE_OPENBLAS_USES_OPENMP CACHE)
  endif()
endif()
if(NOT TWICE_OPENBLAS_INCLUDE_DIR OR NOT TWICE_OPENBLAS_LIBRARY)
  list(APPEND twice_missing OpenBLAS-with-OpenMP)
endif()
mark_as_advanced(TWICE_XSIMD_INCLUDE_DIR TWICE_OPENBLAS_INCLUDE_DIR TWICE_OPENBLAS_LIBRARY)

if(NOT TARGET twice::openblas AND NOT twice_missing)
  add_library(twice::xsimd INTERFACE IMPORTED)
  target_include_directories(twice::xsimd INTERFACE ${TWICE_XSIMD_INCLUDE_DIR})
  add_library(twice::openblas UNKNOWN IMPORTED)
  set_target_properties(twice::openblas PROPERTIES IMPORTED_LOCATION ${TWICE_OPENBLAS_LIBRARY})
  target_include_directories(twice::openblas INTERFACE ${TWICE_OPENBLAS_INCLUDE_DIR})
  # Outside the system's folders, programs that link OpenBLAS search its folder first, by an RPATH,
  # which LD_LIBRARY_PATH does not override.
  get_filename_component(TWICE_OPENBLAS_FOLDER ${TWICE_OPENBLAS_LIBRARY} DIRECTORY)
  if(NOT TWICE_OPENBLAS_FOLDER IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    target_link_options(twice::openblas INTERFACE
                        LINKER:--disable-new-dtags,-rpath,${TWICE_OPENBLAS_FOLDER})
  endif()
endif()
