# Embeds files in a program, so that it needs no file at run time.
#   embed_files(TARGET FILE...)
# adds generated sources to TARGET, once. They define `embedded_file` of files/atomic_file.h, and are
# generated again when a FILE changes.
function(embed_files target)
  # Lines of 20 bytes: compilers and editors are slow on one line of half a megabyte.
  string(REPEAT "....." 20 line)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} function)
    string(APPEND declarations "std::string_view ${function}();\n")
    string(APPEND rows "  if (name == \"${name}\") return ${function}();\n")
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
    set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/${function}.cpp)
    file(CONFIGURE OUTPUT ${output} CONTENT "#include <string_view>
namespace twice::experiments {
std::string_view ${function}() {
  static const unsigned char bytes[] = {
${bytes}
};
  return {reinterpret_cast<const char*>(bytes), sizeof(bytes)};
}
}  // namespace twice::experiments
")
    target_sources(${target} PRIVATE ${output})
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
