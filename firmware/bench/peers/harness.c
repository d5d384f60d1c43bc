/* Start-up and measurement for `qemu-system-arm -M netduinoplus2`. */
#include "harness.h"

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);

static uint32_t semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void leave(void) {
    semihosting(0x18, (const void *)0x20026);
    for (;;) {
    }
}

static void fail(void) {
    semihosting(0x18, (const void *)0x20023);
    for (;;) {
    }
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xF << 20; /* the FPU */
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;) *to++ = 0;
    *(volatile uint32_t *)0xE000E014 = 0xFFFFFF; /* SysTick: reload, value, core clock and on */
    *(volatile uint32_t *)0xE000E018 = 0;
    *(volatile uint32_t *)0xE000E010 = 5;
    main();
    leave();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (void *)reset, (void *)fail, (void *)fail, (void *)fail, (void *)fail, (void *)fail,
};

static void write(const char *text, uint32_t length) {
    static uint32_t output;
    if (output == 0) {
        const struct { const char *name; uint32_t mode, length; } open = {":tt", 4, 3};
        output = semihosting(0x01, &open);
    }
    const struct { uint32_t handle; const char *text; uint32_t length; } block = {
        output, text, length};
    semihosting(0x05, &block);
}

static void write_number(uint32_t number, uint32_t base, int digits) {
    char text[12];
    int at = sizeof text;
    do {
        text[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0 || (int)sizeof text - at < digits);
    text[--at] = ' ';
    write(text + at, sizeof text - at);
}

void measure(const char *name, void (*subject)(const float *x, float *y), int outputs) {
    static float y[8];
    volatile uint32_t *clock = (volatile uint32_t *)0xE000E018;
    uint32_t begin = *clock;
    subject(observation, y);
    uint32_t ticks = (begin - *clock) & 0xFFFFFF;
    uint32_t length = 0;
    while (name[length] != 0) length++;
    write(name, length);
    write_number(ticks, 10, 1);
    for (int i = 0; i < outputs; i++) {
        union { float number; uint32_t bits; } value = {y[i]};
        write_number(value.bits, 16, 8);
    }
    write("\n", 1);
}
