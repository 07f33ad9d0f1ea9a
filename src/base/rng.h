/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Random bytes fit for keys (the kernel's generator, through libsodium). */

#include <stddef.h>

/** Fills `buf`. Cannot fail: without a generator the process ends. */
void rng_bytes(void *buf, size_t len);
