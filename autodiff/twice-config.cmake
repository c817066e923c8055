# find_package(twice) runs this file, which finds the needed libraries and defines twice::twice.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
if(twice_missing)
  set(twice_FOUND FALSE)
  set(twice_NOT_FOUND_MESSAGE "twice needs ${twice_missing}")
else()
  include(${CMAKE_CURRENT_LIST_DIR}/twice-targets.cmake)
  # twice::experiments: the program's commands, for problems of one's own.
  if("experiments" IN_LIST twice_FIND_COMPONENTS)
    include(CMakeFindDependencyMacro)
    find_dependency(ZLIB)
    find_dependency(OpenSSL)
    include(${CMAKE_CURRENT_LIST_DIR}/twice-experiments-targets.cmake OPTIONAL
            RESULT_VARIABLE twice_experiments_FOUND)
    if(NOT twice_experiments_FOUND AND twice_FIND_REQUIRED_experiments)
      set(twice_FOUND FALSE)
      set(twice_NOT_FOUND_MESSAGE
          "twice was installed without the component experiments: cmake --install BUILD")
    endif()
  endif()
endif()
