# Embeds a file in a program as an array of bytes, so that the program needs no file at run time.
#   embed_file(TARGET FILE SYMBOL)
# adds to TARGET a generated source that defines, in namespace twice::experiments,
#   extern const unsigned char SYMBOL[];
#   extern const std::size_t SYMBOL_size;
# and generates the source again when FILE changes.
#   embed_files(TARGET FILE...)
# does the same for several files. It is called once per target, and also defines a function that
# finds a file by its name without folder:
#   std::string_view embedded_file(std::string_view name);
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

function(embed_files target)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    embed_file(${target} ${file} ${symbol})
    string(APPEND declarations "extern const unsigned char ${symbol}[];
extern const std::size_t ${symbol}_size;
")
    string(APPEND rows "  if (name == \"${name}\")
    return {reinterpret_cast<const char*>(${symbol}), ${symbol}_size};
")
  endforeach()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/embedded_file.cpp)
  file(CONFIGURE OUTPUT ${output} CONTENT "#include <string_view>
namespace twice::experiments {
${declarations}
std::string_view embedded_file(std::string_view name) {
${rows}  return {};
}
}  // namespace twice::experiments
")
  target_sources(${target} PRIVATE ${output})
endfunction()
