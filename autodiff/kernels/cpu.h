// The instructions that the kernels use. A library for x86-64 contains the kernels for several
// kinds of CPU, and chooses among them when the program starts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace twice {

/// A kind of CPU for which the kernels are compiled, from the narrowest to the widest. Kernels of
/// one kind compute the same bits on every machine. Kernels of different kinds round differently.
enum class Cpu {
  native,    ///< the CPU of the build, if the library was built for it alone (TWICE_NATIVE)
  portable,  ///< any x86-64: vectors of 128 bits
  avx2,      ///< vectors of 256 bits, fused multiply-add (x86-64-v3)
  avx512,    ///< vectors of 512 bits (x86-64-v4)
};

/// The name, as in "avx2".
std::string_view str(Cpu cpu);

/// The kinds that the library contains, the narrowest first.
std::vector<Cpu> built_cpus();
/// Those of them that this machine can run.
std::vector<Cpu> usable_cpus();

/// The kind in use. At the start of the program it is the one that the environment variable
/// TWICE_CPU names, or else the widest usable one.
Cpu cpu();

/// Uses the kernels of this kind from now on. An elementwise op keeps the kind that was in use when
/// it was recorded. Throws if the kind is not usable.
void set_cpu(Cpu cpu);
/// The same by name. Throws if there is no usable kind of that name.
void set_cpu(std::string_view name);

}  // namespace twice
