/* The files lie in a folder that the assembler is told of with -I. */
.macro numbers name, file
.global \name
.balign 16
\name: .incbin "\file"
.endm
.section .rodata.numbers, "a"
numbers observation, "observation.f32"
numbers weights_5_64_64_1, "5-64-64-1.f32"
numbers weights_17_64_64_6, "17-64-64-6.f32"
numbers weights_24_64_64_6, "24-64-64-6.f32"
numbers weights_24_256_256_6, "24-256-256-6.f32"
