# Joins the kernels that were compiled for each kind of CPU to one object file:
#   cmake -DFOLDER=F -DCPUS=portable;avx2;avx512 -DLINKER=ld -DNM=nm -DOBJCOPY=objcopy -DCOMPILER=c++
#         -P for_each_cpu.cmake
# Reads the names of the objects for a CPU from F/CPU.objects, and writes F/kernels.o.
#
# Every kind defines the same functions. Function f of kind avx2 becomes f.avx2, and f itself becomes
# a jump through a table of addresses, which cpu.cpp fills. All other symbols become local. This
# includes inline functions of headers: otherwise the linker would keep one copy of such a function
# for the whole program, and a copy that was compiled for avx512 stops the program elsewhere.
function(run)
  execute_process(COMMAND ${ARGV} WORKING_DIRECTORY ${FOLDER} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(all)
foreach(cpu IN LISTS CPUS)
  # Local symbols of one name must not make the linker drop sections: the groups are dissolved.
  run(${LINKER} -r --force-group-allocation -o ${cpu}.joined.o @${cpu}.objects)
  execute_process(COMMAND ${NM} --defined-only --extern-only ${cpu}.joined.o WORKING_DIRECTORY ${FOLDER}
                  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL " T [^\n]+" functions "${symbols}")
  list(TRANSFORM functions REPLACE " T " "")
  list(SORT functions)
  if(all AND NOT functions STREQUAL all)
    message(FATAL_ERROR "The kernels for ${cpu} do not define the functions of the other kinds")
  endif()
  set(all ${functions})
  list(TRANSFORM functions APPEND ".${cpu}" OUTPUT_VARIABLE renamed)
  list(JOIN renamed "\n" kept)
  file(WRITE ${FOLDER}/${cpu}.kept "${kept}\n")
  list(TRANSFORM functions REPLACE "(.+)" "\\1 \\1.${cpu}" OUTPUT_VARIABLE renamed)
  list(JOIN renamed "\n" renamed)
  file(WRITE ${FOLDER}/${cpu}.renamed "${renamed}\n")
  run(${OBJCOPY} --redefine-syms=${cpu}.renamed ${cpu}.joined.o)
  run(${OBJCOPY} --keep-global-symbols=${cpu}.kept ${cpu}.joined.o)
endforeach()

set(jumps)
set(number 0)
foreach(name IN LISTS all)
  string(APPEND jumps ".globl ${name}\n.type ${name}, @function\n${name}: jmp *twice_kernels+8*${number}(%rip)\n")
  math(EXPR number "${number} + 1")
endforeach()
set(tables "twice_all_kernels:\n")
foreach(cpu IN LISTS CPUS)
  foreach(name IN LISTS all)
    string(APPEND tables ".quad ${name}.${cpu}\n")
  endforeach()
endforeach()
list(GET CPUS 0 first)
string(APPEND tables "twice_kernels:\n")
foreach(name IN LISTS all)
  string(APPEND tables ".quad ${name}.${first}\n")
endforeach()
set(exported twice_all_kernels twice_kernels twice_kernel_count)
list(JOIN exported ", " globals)
file(WRITE ${FOLDER}/jumps.s ".text\n${jumps}.data\n.balign 64\n.globl ${globals}\n${tables}\
twice_kernel_count: .quad ${number}\n.quad twice_choose_kernels\n.section .note.GNU-stack,\"\",@progbits\n")
run(${COMPILER} -c jumps.s -o jumps.o)

list(TRANSFORM CPUS APPEND .joined.o OUTPUT_VARIABLE objects)
run(${LINKER} -r -o kernels.joined.o jumps.o ${objects})
list(APPEND all ${exported})
list(JOIN all "\n" kept)
file(WRITE ${FOLDER}/kernels.kept "${kept}\n")
run(${OBJCOPY} --keep-global-symbols=kernels.kept kernels.joined.o kernels.o)
