# Writes a header with the commit of SOURCE, and with a flag that says whether tracked files differ
# from it. Without git, as in an archive, the commit is empty.
execute_process(COMMAND git -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE commit ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no
                OUTPUT_VARIABLE changes ERROR_QUIET)
if(failed)
  set(commit)
endif()
set(changed true)
if(changes STREQUAL "")
  set(changed false)
endif()
file(CONFIGURE OUTPUT ${FILE} @ONLY
     CONTENT "#define TWICE_COMMIT \"${commit}\"\n#define TWICE_CHANGED ${changed}\n")
