/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What every *_test.c includes: cmocka, and a TEST() without its boilerplate. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

/** `call` must succeed; the message of a failure is shown. */
#define assert_ok(call, err_)                                                            \
	do {                                                                             \
		if ((call) < 0)                                                          \
			fail_msg("%s: %s: %s", #call, err_slug((err_)->reason), (err_)->msg); \
	} while (0)

/** `call` must fail with this reason. */
#define assert_fails(call, err_, reason_)                                             \
	do {                                                                          \
		assert_true((call) < 0);                                              \
		assert_string_equal(err_slug((err_)->reason), err_slug(reason_));     \
	} while (0)
