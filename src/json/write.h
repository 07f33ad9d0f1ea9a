/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * JSON out, compact, read off field tables.
 *
 * Everything goes through an sbuf, whose limit is the document's. Rows marked
 * F_SECRET never leave. '<', '>' and '&' are escaped, so that a document is
 * harmless inside HTML too (and equal to what the published node sends).
 */

#include "base/field.h"
#include "base/sbuf.h"

/** A string, quoted; NULL gives null. The text is UTF-8. */
void json_string(struct sbuf *out, const char *text);

/** One value as its row says. */
void json_value(struct sbuf *out, const struct field *field, const void *at);

/** `{...}` */
void json_object(struct sbuf *out, const struct type *type, const void *object);

/** The same without braces; `comma` stands before the first member, if any is written. Returns
 * whether one was. */
bool json_members(struct sbuf *out, const struct type *type, const void *object, bool comma);

/** `[{...},...]`: `n` objects side by side. */
void json_array(struct sbuf *out, const struct type *type, const void *objects, size_t n);

/** `"name":`, for documents written by hand; `comma` puts one before. */
void json_name(struct sbuf *out, const char *name, bool comma);
