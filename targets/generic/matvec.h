/* The product that convolutions and fully connected layers are made of. */
#ifndef WHIT_GENERIC_MATVEC_H
#define WHIT_GENERIC_MATVEC_H

#include "integer.h"

/* y[i] = stage(sum over k of weights[i][k] * x[k]), k < columns, for the `rows` channels of the
 * stage from `channel` on; weights are theirs. */
void whit_matvec_s8(const whit_output_stage *stage, const int8_t *x, const int8_t *weights,
                    int32_t columns, int32_t channel, int32_t rows, int8_t *y);

#endif
