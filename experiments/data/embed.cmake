# Puts a file into a program as an array of bytes, so that it needs no file at run time.
#   embed_file(TARGET FILE SYMBOL)
# adds to TARGET a generated source that defines, in namespace twice::experiments,
#   extern const unsigned char SYMBOL[];
#   extern const std::size_t SYMBOL_size;
# and that is generated anew when FILE changes.
function(embed_file target file symbol)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # Lines of 20 bytes: compilers and editors are slow on one line of half a megabyte.
  string(REPEAT "....." 20 line)
  string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.cpp)
  file(CONFIGURE OUTPUT ${output} CONTENT "#include <cstddef>
namespace twice::experiments {
extern const unsigned char ${symbol}[];
extern const std::size_t ${symbol}_size;
const unsigned char ${symbol}[] = {
${bytes}
};
const std::size_t ${symbol}_size = sizeof(${symbol});
}  // namespace twice::experiments
")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  target_sources(${target} PRIVATE ${output})
endfunction()
