#include "generic.h"

#include "whit/params.h"

#define KERNEL(id, name, params, access) {WHIT_KEY(id, 0), whit_##name##_generic},
static const whit_kernel kernels[] = {
#include "whit/kernels.h"
};
#undef KERNEL

#define KERNEL(id, name, params, access)                                           \
  {WHIT_KEY(id, 0),                                                                \
   access,                                                                         \
   (uint16_t)sizeof(whit_##params##_params),                                       \
   whit_##name##_generic_validate,                                                 \
   whit_##name##_generic_scratch,                                                  \
   whit_##name##_generic_lag},
static const whit_contract contracts[] = {
#include "whit/kernels.h"
};
#undef KERNEL

const whit_kernel_set whit_generic_kernels = {
    kernels, contracts, (uint32_t)(sizeof kernels / sizeof kernels[0])};
