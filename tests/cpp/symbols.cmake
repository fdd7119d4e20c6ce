# Fails when an object file of one instruction set defines a weak function outside namespace adcore::<isa>.
#
# The linker keeps one of several equal weak definitions, whichever comes first: an AVX-512 copy of an inline function
# would end up in code that also runs on a CPU without AVX-512.
# Input: NM, the program; ISA, the name; OBJECTS, the files.
cmake_minimum_required(VERSION 3.20)

if(NOT OBJECTS)
  message(FATAL_ERROR "no object files of ${ISA} to look at")
endif()
set(found "")
set(own 0)
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  # A semicolon in a name would split the list of lines.
  string(REPLACE ";" "," listing "${listing}")
  string(REPLACE "\n" ";" lines "${listing}")
  foreach(line IN LISTS lines)
    if(line MATCHES " [A-Za-z] .*adcore::${ISA}::")
      math(EXPR own "${own} + 1")
    elseif(line MATCHES " W (.*)$")
      get_filename_component(name ${object} NAME)
      string(APPEND found "\n  ${name}: ${CMAKE_MATCH_1}")
    endif()
  endforeach()
endforeach()
if(found)
  message(FATAL_ERROR "weak symbols outside adcore::${ISA}:${found}")
endif()
if(own EQUAL 0)
  message(FATAL_ERROR "no symbol of adcore::${ISA}: is this the right set of files?")
endif()
