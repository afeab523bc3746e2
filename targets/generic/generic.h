/* The portable kernel set: every kernel of kernels.h, in plain C11. */
#ifndef WHIT_GENERIC_H
#define WHIT_GENERIC_H

#include "whit/kernel.h"

#define KERNEL(id, name, params, access) WHIT_DECLARE_KERNEL(whit_##name##_generic)
#include "whit/kernels.h"
#undef KERNEL

extern const whit_kernel_set whit_generic_kernels;

#endif
