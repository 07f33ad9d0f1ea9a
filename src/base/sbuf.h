/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * A string being built.
 *
 * `data` is never NULL and always ends in a NUL. Appending cannot be wrong half
 * way: the first failure (no memory, or more than `max` bytes) sticks, later
 * appends do nothing, and one sbuf_finish() at the end tells. So nobody checks
 * each append, and nothing a client sends can make a buffer grow without end.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sbuf {
	char *data;
	size_t len, cap, max;
	int failed;
};

extern char sbuf_empty[1];

#define SBUF_INIT(max_)                           \
	{                                         \
		.data = sbuf_empty, .max = (max_) \
	}

void sbuf_add(struct sbuf *buf, const void *data, size_t len);
void sbuf_puts(struct sbuf *buf, const char *text);
void sbuf_putc(struct sbuf *buf, char c);
void sbuf_int(struct sbuf *buf, int64_t value);
void sbuf_printf(struct sbuf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Room for `len` more bytes, to be written by the caller and counted with `buf->len +=`;
 * NULL when there is none (the failure sticks). A NUL always has its place behind them. */
char *sbuf_room(struct sbuf *buf, size_t len);

/** 0, or REASON_INTERNAL when something did not fit. */
int sbuf_finish(const struct sbuf *buf, struct err *err) must_check;

/** Hands over the text, to be freed by the caller, or NULL without memory; the buffer is empty
 * again. */
char *sbuf_take(struct sbuf *buf);

/** Keeps the memory, forgets the text (and a failure). */
void sbuf_clear(struct sbuf *buf);

void sbuf_done(struct sbuf *buf);

/** As sbuf_done, after overwriting what was there: for texts that held a secret. */
void sbuf_wipe(struct sbuf *buf);
