/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <sodium.h>

#include "base/rng.h"

void rng_bytes(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}
