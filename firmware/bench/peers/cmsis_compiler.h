/* What CMSIS-DSP takes from CMSIS-Core, which its package does not hold: names for GCC. */
#ifndef CMSIS_COMPILER_H
#define CMSIS_COMPILER_H

#include <arm_acle.h>
#include <stdint.h>

#define __ASM __asm
#define __ALIGNED(x) __attribute__((aligned(x)))
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE static inline __attribute__((always_inline))
#define __WEAK __attribute__((weak))
#define __CLZ __builtin_clz
#define __SSAT __ssat
#define __USAT __usat
#define __QADD __qadd
#define __QSUB __qsub
#define __SMLAD __smlad
#define __SMLALD __smlald
#define __QADD16 __qadd16
#define __QADD8 __qadd8
#define __SXTB16 __sxtb16
#define __ROR(x, n) __ror(x, n)
#define __PKHBT(a, b, n) \
    (((uint32_t)(a) & 0xFFFFu) | (((uint32_t)(b) << (n)) & 0xFFFF0000u))

#endif
