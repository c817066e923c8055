// Chooses the kernels. Each function of the kernels is a jump through a table of addresses
// (for_each_cpu.cmake), and the choice copies the addresses of one kind of CPU into that table.
#include "autodiff/kernels/cpu.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "autodiff/array/error.h"

#ifdef TWICE_CPUS
extern "C" {
extern const void* twice_kernels[];            // the addresses in use
extern const void* const twice_all_kernels[];  // those of each kind, one kind after the other
extern const std::size_t twice_kernel_count;
}
#endif

namespace twice {

namespace {

constexpr std::array<std::string_view, 4> names = {"native", "portable", "avx2", "avx512"};

bool runs(Cpu cpu) {
#ifdef TWICE_CPUS
  __builtin_cpu_init();  // this may run before the constructors of libgcc
  switch (cpu) {
    case Cpu::native:
      return false;
    case Cpu::portable:
      return true;
    case Cpu::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    case Cpu::avx512:
      return runs(Cpu::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
#else
  return cpu == Cpu::native;
#endif
}

Cpu used = Cpu::native;

void use(Cpu cpu) {
  used = cpu;
#ifdef TWICE_CPUS
  const std::size_t first = twice_kernel_count * (static_cast<std::size_t>(cpu) - 1);
  std::copy_n(twice_all_kernels + first, twice_kernel_count, twice_kernels);
#endif
}

}  // namespace

/// Runs before the constructors of global objects, which may record and compute. The table of
/// addresses refers to it, so that every program with kernels links it.
extern "C" [[gnu::constructor(101)]] void twice_choose_kernels() {
  use(usable_cpus().back());
  const char* const name = std::getenv("TWICE_CPU");
  if (name == nullptr || *name == '\0') return;
  try {
    set_cpu(name);
  } catch (const Error& error) {
    std::fprintf(stderr, "TWICE_CPU: %s\n", error.what());
    std::_Exit(2);
  }
}

std::string_view str(Cpu cpu) { return names[static_cast<std::size_t>(cpu)]; }

std::vector<Cpu> built_cpus() {
#ifdef TWICE_CPUS
  return {Cpu::portable, Cpu::avx2, Cpu::avx512};
#else
  return {Cpu::native};
#endif
}

std::vector<Cpu> usable_cpus() {
  std::vector<Cpu> usable = built_cpus();
  std::erase_if(usable, [](Cpu cpu) { return !runs(cpu); });
  return usable;
}

Cpu cpu() { return used; }

void set_cpu(Cpu cpu) { set_cpu(str(cpu)); }

void set_cpu(std::string_view name) {
  std::vector<std::string_view> usable;
  for (const Cpu cpu : usable_cpus()) {
    if (str(cpu) == name) return use(cpu);
    usable.push_back(str(cpu));
  }
  fail("cpu", "no kernels for '{}' {}; expected {}", name,
       std::ranges::find(names, name) == names.end() ? "exist" : "run here",
       fmt::join(usable, ", "));
}

}  // namespace twice
